//! The commands other than `run`.

pub mod check;
pub mod demo;
pub mod emulator;
pub mod map;
pub mod redrive;
