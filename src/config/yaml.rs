//! Parses YAML text into a tree.
//!
//! Knows nothing of which keys exist. Invalid YAML, a repeated key, and unsupported YAML (aliases, several
//! documents, keys that are not plain names) are problems. Each is reported by its line and in our own words,
//! because the parser's message may quote a value.

use std::collections::{BTreeMap, btree_map::Entry};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::config::{
    problem::{Problems, SettingOrigin},
    tree::{YamlNode, YamlScalar, YamlValue},
};

/// Parses `text`, which starts at `origin` and is the value of the key at `path`. If that fails, adds a
/// problem and returns `None`.
pub(super) fn parse(
    text: &str,
    origin: &SettingOrigin,
    path: &[String],
    problems: &mut Problems,
) -> Option<YamlNode> {
    let mut reader = YamlReader { parser: Parser::new_from_str(text), origin, path: path.to_vec(), problems };
    match reader.document() {
        Ok(node) => Some(
            node.unwrap_or_else(|| YamlNode { origin: Some(origin.clone()), value: YamlValue::default() }),
        ),
        Err(Broken { line, text }) => {
            problems.add(path, Some(origin.at(line)), text);
            None
        }
    }
}

struct YamlReader<'text, 'out> {
    parser: Parser<'text, StrInput<'text>>,
    origin: &'out SettingOrigin,
    path: Vec<String>,
    problems: &'out mut Problems,
}

/// The rest of the text cannot be parsed.
struct Broken {
    line: usize,
    text: String,
}

/// Deeper than any key. It bounds the recursion.
const DEEPEST: usize = 16;

impl<'text> YamlReader<'text, '_> {
    fn document(&mut self) -> Result<Option<YamlNode>, Broken> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(_), span) if root.is_some() => {
                    return Err(broken(span.start.line(), "only one YAML document is allowed"));
                }
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, span) => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<YamlNode, Broken> {
        let line = span.start.line();
        let value = match event {
            _ if depth > DEEPEST => return Err(broken(line, "is nested more deeply than any key")),
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                YamlValue::Scalar(YamlScalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.mapping(depth)?,
            _ => return Err(broken(line, "aliases (*name) are not supported: write out the value")),
        };
        Ok(YamlNode { origin: Some(self.origin.at(line)), value })
    }

    fn list(&mut self, depth: usize) -> Result<YamlValue, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(YamlValue::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<YamlValue, Broken> {
        let mut entries = BTreeMap::new();
        loop {
            let (name, origin) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(YamlValue::Mapping(entries)),
                (Event::Scalar(text, ..), span) => (text.into_owned(), self.origin.at(span.start.line())),
                (_, span) => {
                    return Err(broken(span.start.line(), "a key must be a plain name"));
                }
            };
            self.path.push(name.clone());
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            value.origin = Some(origin.clone());
            match entries.entry(name) {
                Entry::Vacant(entry) => _ = entry.insert(value),
                Entry::Occupied(_) => self.problems.add(&self.path, Some(origin), "is written twice"),
            }
            self.path.pop();
        }
    }

    fn next(&mut self) -> Result<(Event<'text>, Span), Broken> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(Broken {
                line: error.marker().line(),
                text: format!("is not valid YAML from column {} on: {LOOK}", error.marker().col() + 1),
            }),
            None => Err(broken(1, "ends too early")),
        }
    }
}

fn broken(line: usize, text: &str) -> Broken {
    Broken { line, text: text.to_owned() }
}

const LOOK: &str = "look at the indentation, at a missing colon, quote or bracket, and quote texts that start \
                    with a sign such as @, %, *, & or !";
