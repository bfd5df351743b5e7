//! Bounds what a filter may do with the numbers and texts of a record where the cost would be unlimited.
//!
//! Knows nothing of records. In jq, `*` of a text and a number repeats the text. If both come from a record,
//! a hundred bytes request terabytes, and a process that cannot allocate them aborts. The origin of a value
//! is unknown, so no text can be multiplied at all: each product in the filter and in jq's own definitions is
//! replaced by a call of [`PRODUCT`]. And `range` ends with an error after [`MOST_NUMBERS`] numbers.

use std::{cmp::Ordering, iter};

use jaq_core::{
    Bind, Error, RunPtr, ValR, ValXs,
    load::{
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    native::{self, Fun, bome},
    ops::Math,
    path::{Part, Path},
};
use jaq_json::Val;
use jaq_std::ValT as _;

use super::Data;

/// The name of the function that multiplies. No filter can write this name.
const PRODUCT: &str = "!product";

/// The name of the variable that holds the second factor of an assignment.
const FACTOR: &str = "$!factor";

/// The maximum number of values that one `range` outputs.
const MOST_NUMBERS: u32 = 100_000;

/// Bounded replacements for the product and for jq's `range`.
pub(super) fn natives() -> [Fun<Data>; 2] {
    let product: (_, Box<[Bind]>, RunPtr<Data>) = (PRODUCT, native::v(2), |mut cv| {
        let right = cv.0.pop_var();
        bome(product(cv.0.pop_var(), right))
    });
    let range: (_, Box<[Bind]>, RunPtr<Data>) = ("range", native::v(3), |mut cv| {
        let (by, end) = (cv.0.pop_var(), cv.0.pop_var());
        range(cv.0.pop_var(), end, by)
    });
    [native::run::<Data>(product), native::run::<Data>(range)]
}

/// Bounds the products of a definition.
pub(super) fn definition(def: Def<&str>) -> Def<&str> {
    Def { body: term(def.body), ..def }
}

/// Bounds the products of a term.
pub(super) fn term(whole: Term<&str>) -> Term<&str> {
    match whole {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => whole,
        Term::Str(format, parts) => Term::Str(format, parts.into_iter().map(text_part).collect()),
        Term::Arr(inner) => Term::Arr(inner.map(boxed)),
        Term::Obj(entries) => {
            Term::Obj(entries.into_iter().map(|(key, value)| (term(key), value.map(term))).collect())
        }
        Term::Neg(inner) => Term::Neg(boxed(inner)),
        Term::BinOp(left, operator, right) => operation(boxed(left), operator, boxed(right)),
        Term::Label(name, inner) => Term::Label(name, boxed(inner)),
        Term::Fold(name, over, bound, steps) => {
            Term::Fold(name, boxed(over), pattern(bound), steps.into_iter().map(term).collect())
        }
        Term::TryCatch(tried, caught) => Term::TryCatch(boxed(tried), caught.map(boxed)),
        Term::IfThenElse(cases, rest) => {
            let cases = cases.into_iter().map(|(condition, then)| (term(condition), term(then)));
            Term::IfThenElse(cases.collect(), rest.map(boxed))
        }
        Term::Def(defs, inner) => Term::Def(defs.into_iter().map(definition).collect(), boxed(inner)),
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(term).collect()),
        Term::Path(of, Path(parts)) => {
            let parts = parts.into_iter().map(|(part, optional)| (path_part(part), optional));
            Term::Path(boxed(of), Path(parts.collect()))
        }
    }
}

#[expect(clippy::boxed_local, reason = "the syntax tree has boxes")]
fn boxed(inner: Box<Term<&str>>) -> Box<Term<&str>> {
    Box::new(term(*inner))
}

fn operation<'s>(
    left: Box<Term<&'s str>>,
    operator: BinaryOp<&'s str>,
    right: Box<Term<&'s str>>,
) -> Term<&'s str> {
    match operator {
        BinaryOp::Math(Math::Mul) => Term::Call(PRODUCT, vec![*left, *right]),
        // As in jq's manual: `l *= r` is `r as $x | l |= . * $x`.
        BinaryOp::UpdateMath(Math::Mul) => {
            let product = Term::Call(PRODUCT, vec![Term::Id, Term::Var(FACTOR)]);
            let update = Term::BinOp(left, BinaryOp::Update, Box::new(product));
            Term::BinOp(right, BinaryOp::Pipe(Some(Pattern::Var(FACTOR))), Box::new(update))
        }
        BinaryOp::Pipe(bound) => Term::BinOp(left, BinaryOp::Pipe(bound.map(pattern)), right),
        other => Term::BinOp(left, other, right),
    }
}

fn pattern(whole: Pattern<&str>) -> Pattern<&str> {
    match whole {
        Pattern::Var(_) => whole,
        Pattern::Arr(parts) => Pattern::Arr(parts.into_iter().map(pattern).collect()),
        Pattern::Obj(entries) => {
            Pattern::Obj(entries.into_iter().map(|(key, value)| (term(key), pattern(value))).collect())
        }
    }
}

fn text_part<'s>(part: StrPart<&'s str, Term<&'s str>>) -> StrPart<&'s str, Term<&'s str>> {
    if let StrPart::Term(inner) = part { StrPart::Term(term(inner)) } else { part }
}

fn path_part(part: Part<Term<&str>>) -> Part<Term<&str>> {
    match part {
        Part::Index(index) => Part::Index(term(index)),
        Part::Range(from, to) => Part::Range(from.map(term), to.map(term)),
    }
}

fn product(left: Val, right: Val) -> ValR<Val> {
    let is_text = |value: &Val| value.as_bytes().is_some();
    if is_text(&left) || is_text(&right) { Err(Error::str("a text has no product")) } else { left * right }
}

fn range<'a>(from: Val, end: Val, by: Val) -> ValXs<'a, Val> {
    let direction = by.partial_cmp(&Val::from(0_isize));
    let is_before_end = move |number: &Val| match direction {
        Some(Ordering::Greater) => *number < end,
        Some(Ordering::Less) => *number > end,
        _ => *number != end,
    };
    let (mut next, mut left) = (Some(Ok(from)), MOST_NUMBERS);
    Box::new(iter::from_fn(move || {
        let number = match next.take()? {
            Ok(number) => number,
            Err(error) => return Some(Err(error)),
        };
        if !is_before_end(&number) {
            return None;
        }
        let Some(fewer) = left.checked_sub(1) else {
            return Some(Err(Error::str("too many numbers").into()));
        };
        left = fewer;
        next = Some((number.clone() + by.clone()).map_err(Into::into));
        Some(Ok(number))
    }))
}

#[cfg(test)]
mod tests {
    use crate::core::decode::{Wanted, custom::Filter, tree::parse};

    /// Checks the user of the event that `filter` makes from `record`; `None` means that the filter fails.
    #[track_caller]
    fn check(filter: &str, record: &str, expected: Option<&str>) {
        let filter = format!(r#"{{type: "activity", user: ({filter} | tostring)}}"#);
        let tree = parse(record.as_bytes()).unwrap();
        let items = Filter::compile(&filter)
            .unwrap()
            .decode(tree.root(), Wanted::default(), &|_, _| panic!("nothing is handed over"));
        let user = items.into_iter().next().unwrap().ok().and_then(|event| event.user);
        assert_eq!(user.as_deref(), expected, "{filter}");
    }

    #[test]
    fn no_text_is_repeated_as_often_as_a_record_says() {
        let record = r#"{"u":"a","ts":"x","n":100000000000,"a":["x"],"big":1e300}"#;
        for filter in [
            ".ts * .n",
            ".n * .ts",
            ".ts * (.big | floor)",
            "(.ts | tobytes) * .n",
            ".ts *= .n",
            ".n as $n | .a[] *= $n",
            ".a[0] * .n",
            r#""\(.ts * .n)""#,
            "[.ts * .n]",
            "{a: (.ts * .n)}",
            ".[.ts * .n]",
            "-(.ts * .n)",
            "def f: .ts * .n; f",
            "reduce (.ts * .n) as $x (0; .)",
            "reduce 1 as $x (.; .ts * .n)",
            "foreach 1 as $x (.; .; .ts * .n)",
            "if .ts * .n then 1 else 2 end",
            "if 1 then .ts * .n else 2 end",
            "label $x | .ts * .n",
            "try error catch (1 | \"x\" * 100000000000)",
            ". as {(.ts * .n): $x} | 1",
            ".a | map(. * 100000000000)",
        ] {
            check(filter, record, None);
        }
    }

    #[test]
    fn numbers_and_objects_are_multiplied_as_in_jq() {
        check("3 * 4", "{}", Some("12"));
        check(".a * .b", r#"{"a":1.5,"b":2}"#, Some("3.0"));
        check("[(1, 3) * (10, 20)] | tojson", "{}", Some("[10,20,30,60]"));
        check(". * {b: 2} | tojson", r#"{"a":1}"#, Some(r#"{"a":1,"b":2}"#));
        check(".a *= 3 | .a", r#"{"a":2}"#, Some("6"));
        check("(.a, .b) *= .b | tojson", r#"{"a":2,"b":5}"#, Some(r#"{"a":10,"b":25}"#));
        check("pick(.a) | tojson", r#"{"a":1,"b":2}"#, Some(r#"{"a":1}"#));
    }

    #[test]
    fn a_range_ends() {
        check("[range(.n)] | length", r#"{"n":100000}"#, Some("100000"));
        check("[range(.n)] | length", r#"{"n":100000000000}"#, None);
        check("[range(0; 1; .n)] | length", r#"{"n":0}"#, None);
        check("[range(5; 0; -2)] | tojson", "{}", Some("[5,3,1]"));
        check("[range(0; 1; 0.5)] | length", "{}", Some("2"));
        check("first(range(.n))", r#"{"n":100000000000}"#, Some("0"));
    }
}
