//! Divides an input into records: JSON lines, JSON arrays of records, or records over several lines.
//!
//! Knows nothing of their contents: a line that is not JSON is a record, too. Holds one record at a time, of
//! at most [`LARGEST`] bytes.

use std::io::{self, BufRead};

/// Larger than any record: Kafka's limit is 1 MB by default, and rarely set above 100 MB.
const LARGEST: usize = 128 << 20;

/// The records of an input, in their order.
pub(super) struct Values<R> {
    input: R,
    shape: Shape,
}

/// How the records are separated.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// The shape is not known yet, or an array has ended.
    Unknown,
    /// Each record is on a line of its own.
    Lines,
    /// The records are in an array.
    Array,
    /// Each record spans several lines.
    Blocks,
}

/// Finds the end of a value by counting brackets outside of strings.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl<R: BufRead> Values<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input, shape: Shape::Unknown }
    }

    fn value(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(first) = self.skip_space()? else { return Ok(None) };
            return match (self.shape, first) {
                (Shape::Unknown, b'[') => {
                    self.input.consume(1);
                    self.shape = Shape::Array;
                    continue;
                }
                (Shape::Unknown, _) => self.first().map(Some),
                (Shape::Array, b',') => {
                    self.input.consume(1);
                    continue;
                }
                (Shape::Array, b']') => {
                    self.input.consume(1);
                    self.shape = Shape::Unknown;
                    continue;
                }
                (Shape::Array, _) => self.element().map(Some),
                (Shape::Blocks, b'{' | b'[') => {
                    let mut value = Vec::new();
                    self.block(&mut value, Nesting::default())?;
                    Ok(Some(value))
                }
                (Shape::Lines | Shape::Blocks, _) => self.line().map(Some),
            };
        }
    }

    /// The first record, which decides the shape: if it is an object of several lines, all records are.
    fn first(&mut self) -> io::Result<Vec<u8>> {
        let mut value = self.line()?;
        let mut nesting = Nesting::default();
        let ended = value.iter().any(|byte| nesting.ends(*byte));
        if value.first() == Some(&b'{') && !ended {
            self.shape = Shape::Blocks;
            value.push(b'\n');
            self.block(&mut value, nesting)?;
        } else {
            self.shape = Shape::Lines;
        }
        Ok(value)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        while let Some(byte) = self.peek()? {
            self.input.consume(1);
            if byte == b'\n' {
                break;
            }
            push(&mut line, byte)?;
        }
        line.truncate(line.trim_ascii_end().len());
        Ok(line)
    }

    /// Reads on until the brackets are closed.
    fn block(&mut self, value: &mut Vec<u8>, mut nesting: Nesting) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            self.input.consume(1);
            push(value, byte)?;
            if nesting.ends(byte) {
                break;
            }
        }
        Ok(())
    }

    /// Reads an element of an array, up to what follows it.
    fn element(&mut self) -> io::Result<Vec<u8>> {
        let (mut value, mut nesting) = (Vec::new(), Nesting::default());
        while let Some(byte) = self.peek()? {
            let plain = nesting.depth == 0 && !nesting.in_text;
            if plain && matches!(byte, b',' | b']') {
                break;
            }
            self.input.consume(1);
            push(&mut value, byte)?;
            if nesting.ends(byte) {
                break;
            }
        }
        value.truncate(value.trim_ascii_end().len());
        Ok(value)
    }

    /// Peeks at the next byte that is neither a space nor part of a byte order mark at the start.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.peek()? {
            let marked = self.shape == Shape::Unknown && matches!(byte, 0xef | 0xbb | 0xbf);
            if !byte.is_ascii_whitespace() && !marked {
                return Ok(Some(byte));
            }
            self.input.consume(1);
        }
        Ok(None)
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }
}

impl<R: BufRead> Iterator for Values<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.value().transpose()
    }
}

impl Nesting {
    /// Whether the value ends with this byte: the last bracket is closed.
    fn ends(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_text => self.escaped = true,
            b'"' => self.in_text = !self.in_text,
            b'{' | b'[' if !self.in_text => self.depth += 1,
            b'}' | b']' if !self.in_text => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

fn push(value: &mut Vec<u8>, byte: u8) -> io::Result<()> {
    if value.len() == LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record has more than 128 MiB"));
    }
    value.push(byte);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        let values: Vec<_> =
            Values::of(input.as_bytes()).map(|it| String::from_utf8(it.unwrap()).unwrap()).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn lines_are_a_record_each() {
        check("", &[]);
        check("\n \n", &[]);
        check("{\"a\":1}\n\n{\"a\":2}\r\n", &["{\"a\":1}", "{\"a\":2}"]);
        check("{}\n{\"a\":\n{}", &["{}", "{\"a\":", "{}"]);
        check("{}\n[1]\nnone", &["{}", "[1]", "none"]);
        check("none {\n{}", &["none {", "{}"]);
        check("\u{feff}{}", &["{}"]);
        check("{\"a\":\"\\\"}\"}\n{}", &["{\"a\":\"\\\"}\"}", "{}"]);
    }

    #[test]
    fn an_array_holds_a_record_each() {
        check("[]", &[]);
        check("[{\"a\":[1,2]},\n {\"b\":\"],\"} ]", &["{\"a\":[1,2]}", "{\"b\":\"],\"}"]);
        check("[1, \"a,\\\"b\" ,null,[2,3]]", &["1", "\"a,\\\"b\"", "null", "[2,3]"]);
        check("[{},{}]\n[{}]", &["{}", "{}", "{}"]);
        check("[{}", &["{}"]);
    }

    #[test]
    fn a_record_goes_on_over_many_lines() {
        check("{\n \"a\": {\"b\": 1}\n}", &["{\n \"a\": {\"b\": 1}\n}"]);
        check("{\n}\n{\"a\":1} {\n}", &["{\n}", "{\"a\":1}", "{\n}"]);
        check("{\n \"a\": \"}\"", &["{\n \"a\": \"}\""]);
    }

    #[test]
    fn a_record_has_an_end() {
        let endless = io::BufReader::new(io::Read::chain(&b"{"[..], io::repeat(b'x')));
        assert!(Values::of(endless).next().unwrap().is_err());
    }
}
