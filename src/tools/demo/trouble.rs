//! What goes wrong at a moment, as the script and the tenant's story have it.
//!
//! Knows nothing of how it is brought about.

/// What goes wrong besides the faults that happen all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) scene: Option<Scene>,
    pub(super) role: Role,
}

/// Something that happens to both destinations for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    Throttling,
    Outage,
}

impl Scene {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Throttling => "throttling",
            Self::Outage => "outage",
        }
    }
}

/// What becomes of the tenant's requests for its role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    Granted,
    /// Its credentials last a few seconds.
    GrantedBriefly,
    Refused,
}
