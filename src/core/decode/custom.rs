//! The operator's own format: a jq filter in the configuration makes identity events from a record.
//!
//! Knows nothing of where the filter was written. The filter is trusted as its operator is: its running time
//! and its recursion depth cannot be bounded from within. The content of a record is not trusted. It is read
//! by `decode::tree`, which bounds its depth and number of values, and so is what `fromjson` reads. No number
//! in a record determines the length of anything without a bound, see `custom/bounds.rs`. A filter has no
//! functions that access the outside or end the process (`env`, `input`, `halt`, `debug`, `stderr`, `now`),
//! so a record always becomes the same events.
//!
//! Each output is a document of the format `identity-event`, a record for another format
//! (`{"format": "keycloak", "record": …}`), an array of either, or `null` for no event. An error refuses the
//! whole record, even after earlier outputs, and its message quotes nothing from the record.

use std::fmt;

use jaq_core::{
    Bind, Compiler, Ctx, Error, Native, RunPtr, ValR, Vars,
    data::JustLut,
    load::{self, Arena, File, Loader, lex, parse::Def},
    native::{self, Fun, bome},
};
use jaq_json::Val;
use jaq_std::ValT as _;
use smallvec::SmallVec;

use crate::core::{
    catch_panic,
    decode::{
        Choice, EventResults, Format, Wanted,
        bounds::MOST_EVENTS,
        identity_event, one,
        tree::{Node, Tree, parse},
    },
    identity::reason::{Ignored, Refused},
};

mod bounds;

/// The maximum nesting depth of an output. A document needs three levels.
const DEEPEST: u32 = 64;

/// The maximum size in bytes of a filter's outputs for one record. A text counts each time it is output.
const MOST_YIELDED: usize = 16 << 20;

/// The name under which the filter is called. No other definition has it.
const FILTER: &str = "@filter";

/// The bytes of [`MOST_YIELDED`] that a value takes in addition to its text.
const COST: usize = 24;

pub struct Filter(jaq_core::Filter<Data>);

type Data = JustLut<Val>;

/// Reads a record in the format that a filter named. The filter is not available there, so nothing recurs.
pub(super) type Reader<'r, 'a> = &'r dyn Fn(Choice, &Tree<'a>) -> EventResults<'a>;

/// Why a text is not a filter. Quotes nothing from the text, which may be a misplaced secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no jq filter: line {line}, column {column}: expected {expected}")]
pub struct NotAFilter {
    /// The line within the filter, counted from 1.
    pub line: usize,
    /// The character within the line, counted from 1.
    pub column: usize,
    pub expected: String,
}

impl Filter {
    /// # Errors
    ///
    /// If the text is not a filter, or uses an undefined name.
    pub fn compile(text: &str) -> Result<Self, NotAFilter> {
        let arena = Arena::default();
        let load = |code, own: Option<Def<_>>| {
            Loader::new(definitions().chain(own)).load(&arena, File { code, path: () })
        };
        // Loads the text as written, for error messages. What runs is the definition with bounds.
        let modules = load(text, None).map_err(|errors| not_loaded(text, &errors))?;
        load::import(&modules, |_| Err(String::new())).map_err(|errors| not_loaded(text, &errors))?;
        let own = load::parse(text, |parser| parser.term());
        let own = own.ok_or_else(|| NotAFilter::at(text, text, "a filter".to_owned()))?;
        let own = Def { name: FILTER, args: Vec::new(), body: bounds::term(own) };
        let modules = load(FILTER, Some(own)).map_err(|errors| not_loaded(text, &errors))?;
        let compiled = Compiler::default().with_funs(natives()).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let undefined = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            let (place, expected) = undefined.map_or(("", ""), |(place, what)| (place, what.as_str()));
            NotAFilter::at(text, place, format!("a {expected} that is defined"))
        })
    }

    /// Runs the filter on a record. Returns an event, or the reason why there is none, for each output.
    /// `reader` reads the records that the filter hands over to other formats.
    pub(super) fn decode<'a>(
        &self,
        record: Node<'_, '_>,
        wanted: Wanted,
        reader: Reader<'_, 'a>,
    ) -> EventResults<'a> {
        let outputs = catch_panic::caught(|| Some(self.outputs(record, wanted)));
        let events = outputs.unwrap_or(Err(Refused::FilterFailed)).and_then(|outputs| read(&outputs, reader));
        match events {
            Ok(events) if events.is_empty() => one(Err(Ignored::Empty.into())),
            Ok(events) => events,
            Err(reason) => one(Err(reason.into())),
        }
    }

    /// The outputs of the filter except `null`.
    fn outputs<'a>(&self, record: Node<'_, '_>, wanted: Wanted) -> Result<Outputs<'a>, Refused> {
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let (mut outputs, mut left) = (Outputs::new(), MOST_YIELDED);
        for output in self.0.id.run((context, value(record))) {
            // The error is dropped: it may quote the record.
            let output = output.map_err(|_| Refused::FilterFailed)?;
            let mut tree = Tree::new(wanted);
            push(&output, &mut tree, DEEPEST, &mut left).ok_or(Refused::FilterFailed)?;
            if tree.root().is_some() {
                outputs.push(tree);
            }
            if outputs.len() > MOST_EVENTS {
                return Err(Refused::TooManyEvents);
            }
        }
        Ok(outputs)
    }
}

/// The outputs of a filter for one record: nearly always one.
type Outputs<'a> = SmallVec<[Tree<'a>; 1]>;

fn read<'a>(outputs: &[Tree<'a>], reader: Reader<'_, 'a>) -> Result<EventResults<'a>, Refused> {
    let mut events = EventResults::new();
    let mut add = |more| {
        events.extend(more);
        if events.len() > MOST_EVENTS { Err(Refused::TooManyEvents) } else { Ok(()) }
    };
    for output in outputs {
        match output.root() {
            Node::List(parts) if parts.iter().any(is_handed_over) => {
                parts.places().try_for_each(|at| add(read_one(&output.part(at), reader)))?;
            }
            _ => add(read_one(output, reader))?,
        }
    }
    Ok(events)
}

/// Reads a document, a list of documents, or a record for another format.
fn read_one<'a>(output: &Tree<'a>, reader: Reader<'_, 'a>) -> EventResults<'a> {
    let Node::Object(object) = output.root() else { return identity_event::decode(output.root()) };
    match (object.find("format"), object.find("record")) {
        (Some(format), Some(record)) => match named(object.node(format).str()) {
            Some(choice) => reader(choice, &output.part(record)),
            None => one(Err(NO_FORMAT.into())),
        },
        _ => identity_event::decode(output.root()),
    }
}

/// Whether an output is a record for another format.
fn is_handed_over(output: Node<'_, '_>) -> bool {
    matches!(output, Node::Object(object) if object.find("format").and(object.find("record")).is_some())
}

/// The format of this name, unless it is the filter's own.
fn named(name: &str) -> Option<Choice> {
    name.parse().ok().filter(|choice| *choice != Choice::Named(Format::CUSTOM))
}

/// The reason for refusing a record that names no other format.
const NO_FORMAT: Refused =
    Refused::FieldInvalid { field: "format", expected: "`auto` or the name of a format other than `custom`" };

/// Hides the filter, which is long.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(…)")
    }
}

impl NotAFilter {
    /// `place` is a slice of `text`.
    fn at(text: &str, place: &str, expected: String) -> Self {
        let offset = (place.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let before = text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            expected,
        }
    }
}

fn not_loaded(text: &str, errors: &load::Errors<&str, ()>) -> NotAFilter {
    let first = match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(errors)) => errors.first().map(|(expected, place)| (*place, lexeme(expected))),
        Some(load::Error::Parse(errors)) => {
            errors.first().map(|(expected, place)| (*place, expected.as_str().to_owned()))
        }
        Some(load::Error::Io(errors)) => {
            errors.first().map(|(place, _)| (*place, "no module and no data file".to_owned()))
        }
        None => None,
    };
    let (place, expected) = first.unwrap_or((text, "a filter".to_owned()));
    NotAFilter::at(text, place, expected)
}

fn lexeme(expected: &lex::Expect<&str>) -> String {
    expected.as_str().to_owned()
}

/// The definitions that need only [`natives`].
fn definitions<'s>() -> impl Iterator<Item = Def<&'s str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let is_there = |def: &Def<&'static str>| !LEFT_OUT.contains(&(def.name, def.args.len()));
    all.filter(is_there).map(|def| -> Def<&'s str> { bounds::definition(def) })
}

/// The filters that are written in Rust.
fn natives() -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs().chain(jaq_std::base_funs()).chain(jaq_json::funs());
    let ours: (_, Box<[Bind]>, RunPtr<Data>) = ("fromjson", native::v(0), |cv| bome(from_json(&cv.1)));
    let replaced =
        |fun: &(&'static str, Box<[Bind]>, Native<Data>)| ["halt", "fromjson", "range"].contains(&fun.0);
    all.filter(move |fun| !replaced(fun)).chain([native::run::<Data>(ours)]).chain(bounds::natives())
}

/// Definitions to leave out, with their numbers of arguments. Some use functions that do not exist here:
/// those that access the outside or end the process, and jaq's optional regular expressions, dates, encodings
/// and mathematical functions. Others make far more from an array than it holds.
const LEFT_OUT: [(&str, usize); 41] = [
    ("combinations", 0),
    ("combinations", 1),
    ("transpose", 0),
    ("stderr", 0),
    ("debug", 0),
    ("debug", 1),
    ("halt", 0),
    ("halt_error", 0),
    ("halt_error", 1),
    ("logb", 0),
    ("significand", 0),
    ("pow10", 0),
    ("drem", 2),
    ("nexttoward", 2),
    ("scalb", 2),
    ("gamma", 0),
    ("capture_of_match", 0),
    ("test", 1),
    ("test", 2),
    ("scan_", 2),
    ("scan", 1),
    ("scan", 2),
    ("match", 1),
    ("match", 2),
    ("capture", 1),
    ("capture", 2),
    ("split", 2),
    ("splits", 1),
    ("splits", 2),
    ("sub", 2),
    ("sub", 3),
    ("gsub", 2),
    ("gsub", 3),
    ("todate", 0),
    ("fromdate", 0),
    ("@html", 0),
    ("@htmld", 0),
    ("@uri", 0),
    ("@urid", 0),
    ("@base64", 0),
    ("@base64d", 0),
];

/// `fromjson` with the bounds of a record. jaq's own version recurses as deep as the text is nested.
fn from_json(text: &Val) -> ValR<Val> {
    let bytes = text.as_utf8_bytes().unwrap_or_default();
    parse(bytes).map(|tree| value(tree.root())).map_err(|_| Error::str("no JSON"))
}

/// Converts a record's value into one of jaq's.
fn value(node: Node<'_, '_>) -> Val {
    match node {
        Node::Null => Val::Null,
        Node::Bool(flag) => Val::Bool(flag),
        #[expect(clippy::cast_precision_loss, reason = "on machines of less than 64 bits alone")]
        Node::Integer(number) => isize::try_from(number).map_or_else(|_| Val::from(number as f64), Val::from),
        Node::Float(number) => Val::from(number),
        Node::Text(_) | Node::Escaped(_) => Val::from(node.str().to_owned()),
        Node::List(list) => list.iter().map(value).collect(),
        Node::Object(_) => {
            let entries = node.entries().map(|(key, node)| (Val::from(key.str().to_owned()), value(node)));
            Val::obj(entries.collect())
        }
    }
}

/// Pushes an output onto a tree. Returns `None` if JSON cannot express it, if it is nested too deep, or if it
/// takes more bytes than are left: jaq shares repeated values, but the tree holds a copy of each.
fn push(output: &Val, tree: &mut Tree<'_>, depth: u32, left: &mut usize) -> Option<()> {
    let inner = depth.checked_sub(1)?;
    let length = output.as_bytes().map_or(0, <[u8]>::len);
    *left = left.checked_sub(COST + length)?;
    match output {
        Val::Null => tree.push(Node::Null),
        Val::Bool(flag) => tree.push(Node::Bool(*flag)),
        Val::Num(_) => match output.as_isize().and_then(|number| i64::try_from(number).ok()) {
            Some(number) => tree.push(Node::Integer(number)),
            None => tree.push(Node::Float(output.as_f64()?)),
        },
        Val::TStr(bytes) | Val::BStr(bytes) => tree.push(Node::Escaped(&String::from_utf8_lossy(bytes))),
        Val::Arr(list) => {
            let at = tree.open();
            list.iter().try_for_each(|value| push(value, tree, inner, left))?;
            tree.close_list(at);
        }
        Val::Obj(entries) => {
            let at = tree.open();
            for (key, value) in entries.iter() {
                let key = key.as_utf8_bytes()?;
                *left = left.checked_sub(key.len())?;
                tree.push(Node::Escaped(&String::from_utf8_lossy(key)));
                push(value, tree, inner, left)?;
            }
            tree.close_object(at);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::decode::EventResult;
    use crate::core::identity::{document::Document, reason::Unmapped};

    /// The results of `filter` for `record`: each event's type and user, or the reason's code.
    fn read(filter: &str, record: &str) -> Vec<String> {
        let filter = Filter::compile(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        let told = |item: EventResult<'_>| match item {
            Ok(event) => {
                let event = serde_json::to_value(Document::from(&event)).unwrap();
                format!("{} {}", event["type"].as_str().unwrap(), event["user"].as_str().unwrap_or("-"))
            }
            Err(Unmapped::Ignored(reason)) => reason.code().to_string(),
            Err(Unmapped::Refused(reason)) => reason.code().to_string(),
        };
        let tree = parse(record.as_bytes()).unwrap();
        let events: EventResults<'_> = filter.decode(tree.root(), Wanted::default(), &no_reader);
        events.into_iter().map(told).collect()
    }

    fn no_reader<'a>(_: Choice, _: &Tree<'a>) -> EventResults<'a> {
        panic!("nothing is handed over")
    }

    #[track_caller]
    fn check(filter: &str, record: &str, expected: &[&str]) {
        assert_eq!(read(filter, record), expected);
    }

    #[test]
    fn a_filter_yields_none_one_or_many_events() {
        let one = r#"{type: "sign_in", user: .u}"#;
        check(one, r#"{"u":"a"}"#, &["sign_in a"]);
        check(&format!("{one}, {one}"), r#"{"u":7}"#, &["sign_in 7", "sign_in 7"]);
        check(&format!("[{one}, {one}]"), r#"{"u":"a"}"#, &["sign_in a", "sign_in a"]);
        check(&format!(".[] | {one}"), r#"[{"u":"a"},{"u":"b"}]"#, &["sign_in a", "sign_in b"]);
        check("empty", "{}", &["empty"]);
        check("null", "{}", &["empty"]);
        check("select(.a)", "{}", &["empty"]);
        check(&format!("if .u then {one} else null end"), "{}", &["empty"]);
    }

    #[test]
    fn what_it_yields_is_held_to_the_document() {
        check(".", "17", &["not_an_event"]);
        check(r#"{type: "login"}"#, "{}", &["field_invalid"]);
        check(r#"{type: "sign_in", user: ["a"]}"#, "{}", &["field_invalid"]);
        check(r#"{type: "sign_in", user: "a"}, {}"#, "{}", &["sign_in a", "no_type"]);
    }

    #[test]
    fn what_it_hands_over_names_a_format_other_than_its_own() {
        check(r#"{format: "custom", record: .}"#, "{}", &["field_invalid"]);
        check(r#"{format: "Keycloak", record: .}"#, "{}", &["field_invalid"]);
        check("{format: 17, record: .}", "{}", &["field_invalid"]);
        check(r#"{format: "keycloak"}"#, "{}", &["no_type"]);
        assert!(NO_FORMAT.to_string().contains("other than `custom`"));
    }

    #[test]
    fn a_filter_that_fails_refuses_the_whole_record() {
        check("error", r#""s3cret""#, &["filter_failed"]);
        check(".a.b", r#"{"a":"s3cret"}"#, &["filter_failed"]);
        check(r#"{type: "sign_in", user: "a"}, error("s3cret")"#, "{}", &["filter_failed"]);
        check("{(.a): 1}", r#"{"a":[]}"#, &["filter_failed"]);
        check("reduce range(100) as $i (0; [.])", "{}", &["filter_failed"]);
        assert!(!Refused::FilterFailed.to_string().contains("s3cret"));
    }

    #[test]
    fn what_it_yields_has_an_end() {
        check(r#"range(.) | {type: "activity"}"#, "10001", &["too_many_events"]);
        check(r#"repeat({type: "activity"})"#, "0", &["too_many_events"]);
        assert_eq!(read(r#"[range(.) | {type: "activity"}]"#, "10000").len(), 10_000);
    }

    #[test]
    fn what_it_yields_is_not_much_longer_than_a_record() {
        let record = |events: usize| {
            let (long, all) = ("x".repeat(10_000), vec!["{}"; events].join(","));
            format!(r#"{{"long":"{long}","all":[{all}]}}"#)
        };
        let filter = r#".long as $long | .all[] | {type: "activity", client: $long}"#;
        assert_eq!(read(filter, &record(1_000)).len(), 1_000);
        check(filter, &record(2_000), &["filter_failed"]);
        check(&format!("[{filter}]"), &record(2_000), &["filter_failed"]);
    }

    #[test]
    fn json_within_a_text_is_read_with_the_records_bounds() {
        check(".p | fromjson", r#"{"p":"{\"type\":\"sign_up\",\"user\":\"a\"}"}"#, &["sign_up a"]);
        check("fromjson", r#""{}{}""#, &["filter_failed"]);
        check("fromjson", "17", &["filter_failed"]);
        let deep = serde_json::to_string(&"[".repeat(1_000_000)).unwrap();
        for filter in ["fromjson", "tonumber", "toboolean"] {
            check(filter, &deep, &["filter_failed"]);
        }
        check(r#"{type: "activity", user: (.n | tonumber | tostring)}"#, r#"{"n":"7"}"#, &["activity 7"]);
    }

    #[test]
    fn what_people_write_is_there() {
        for filter in [
            ".a?",
            ".a // \"x\"",
            "map(.)",
            "to_entries",
            "with_entries(.)",
            "split(\",\")",
            "join(\",\")",
            "ltrimstr(\"a\")",
            "ascii_downcase",
            "startswith(\"a\")",
            "contains(\"a\")",
            "tostring",
            "tojson",
            "@text",
            "@json",
            "@sh",
            "keys",
            "has(\"a\")",
            "getpath([\"a\"])",
            "first(.[])",
            "limit(3; .[])",
            "walk(.)",
            "del(.a)",
            "any",
            "all",
            "add",
            "unique",
            "group_by(.)",
            "min_by(.)",
            "flatten",
            "floor",
            "try error(\"x\") catch .",
            "label $f | break $f",
            "def f: .; f",
            "reduce .[] as $x (0; . + $x)",
            "foreach .[] as $x (0; . + $x)",
            ". as [$a, {b: $c}] | $a",
            "if . then 1 elif 2 then 3 else 4 end",
            "[.[] | select(.a == 1)]",
            ".[1:2]",
            "..",
            "type",
            "length",
            "explode | implode",
            "indices(1)",
        ] {
            let compiled = Filter::compile(filter);
            assert!(compiled.is_ok(), "{filter}: {compiled:?}");
        }
    }

    #[track_caller]
    fn refused(filter: &str, expected: &str) {
        let Err(error) = Filter::compile(filter) else { panic!("{filter} is taken") };
        assert_eq!(error.to_string(), format!("is no jq filter: {expected}"), "{filter}");
    }

    #[test]
    fn a_text_that_is_no_filter_is_refused_by_its_place() {
        refused(". |", "line 1, column 4: expected term");
        refused("", "line 1, column 1: expected term");
        refused("{type: \"sign_in\",\n  user: .u.}", "line 2, column 12: expected key");
        refused("(.a", "line 1, column 4: expected closing parenthesis");
        refused(".a | ü\n| s3cret", "line 1, column 6: expected token");
        refused(".a |\n  s3cret(1)", "line 2, column 3: expected a filter that is defined");
        refused("$s3cret", "line 1, column 1: expected a variable that is defined");
        refused("if .a 1", "line 1, column 7: expected then");
        refused("1 2", "line 1, column 3: expected nothing");
    }

    #[test]
    fn nothing_that_looks_outside_or_ends_the_process_is_there() {
        for filter in [
            "env",
            "$ENV",
            "$ENV.PATH",
            "input",
            "inputs",
            "halt",
            "halt(1)",
            "halt_error",
            "halt_error(1)",
            "debug",
            "debug(1)",
            "stderr",
            "debug_empty",
            "stderr_empty",
            "now",
            "input_line_number",
            "input_filename",
            "get_search_list",
            "localtime",
            "strflocaltime(\"%Y\")",
            "gmtime",
            "$__prog_args",
            "$__prog_name",
            "$named",
            "$ARGS",
            "modulemeta",
            "import \"a\" as a; .",
            "include \"a\"; .",
            "import \"a\" as $a; $a",
            "getenv(\"A\")",
            "splits(\"a\")",
            "test(\"a\")",
            "random",
            "builtins",
            "tojson(1)",
            "read",
            "repl",
            "ltrimstr",
        ] {
            assert!(Filter::compile(filter).is_err(), "{filter}");
        }
    }

    /// A new release of jaq may add native filters, and each of them must be reviewed.
    #[test]
    fn the_native_filters_are_known() {
        let mut names: Vec<_> = natives().map(|(name, ..)| name).collect();
        names.sort_unstable();
        insta::assert_snapshot!(names.join(" "));
    }

    /// Randomly mutated records that a filter does not expect: each gets an answer, and every panic is
    /// caught.
    #[test]
    #[expect(clippy::too_many_lines, reason = "most are a table of records")]
    fn odd_records_are_answered() {
        let odd = [
            "null",
            "true",
            "-9223372036854775808",
            "18446744073709551616",
            "1e308",
            "-0.0",
            "\"\"",
            "\"\\u0000ü\"",
            "[]",
            "{}",
            "[[],{},null]",
            "{\"a\":{\"a\":[1,2.5,\"x\"]}}",
            "{\"\":\"\"}",
            "[1,-1,1e-300,9007199254740993]",
            "\"[1,2]\"",
        ];
        let filters = [
            ".a",
            ".[0]",
            ".[-1]",
            ".[1:]",
            ".[:-1]",
            ".[.]",
            ".a = 1",
            ".[0] = 1",
            ".[2:1] = [1]",
            "del(.[0])",
            "sort",
            "unique",
            "group_by(.)",
            "min_by(.)",
            "length",
            "utf8bytelength",
            "explode",
            "implode",
            "reverse",
            "keys",
            "to_entries",
            "from_entries",
            "add",
            "flatten",
            "tojson",
            "fromjson",
            "tostring",
            "tonumber",
            "ascii_upcase",
            "trim",
            "ltrimstr(\"a\")",
            "split(\"\")",
            ". * 2",
            ". / 2",
            ". / .",
            ". % 2",
            ". % 0",
            ". - .",
            ". + .",
            "-.",
            "floor",
            "round",
            "abs",
            "transpose",
            "paths",
            "walk(.)",
            "indices(.)",
            "index(.)",
            "contains(.)",
            "inside(.)",
            "has(0)",
            "has(\"a\")",
            "bsearch(1)",
            "tobytes",
            "tobytes | .[0:1]",
            "limit(.; .)",
            "range(.; 3)",
            "@sh",
            "first",
            "last",
            "any",
            "combinations(1)",
            "setpath([0]; 1)",
            "getpath([0, \"a\"])",
            "[.., .]",
            "{a: .}",
            "with_entries(.)",
            "splits",
            "infinite",
            "nan | [., .] | sort",
        ];
        let mut answered = 0;
        for filter in filters {
            let Ok(filter) = Filter::compile(filter) else { continue };
            for first in odd {
                for record in [first.to_owned(), format!("[{first},{first}]"), format!("{{\"a\":{first}}}")] {
                    let tree = parse(record.as_bytes()).unwrap();
                    assert!(!filter.decode(tree.root(), Wanted::default(), &no_reader).is_empty());
                    answered += 1;
                }
            }
        }
        assert!(answered > 2000, "{answered}");
    }
}
