//! Syntax that DataFusion does not plan, or plans otherwise than PostgreSQL, written as calls of functions.
//!
//! What holds: a literal keeps all its digits. The parser would read `12345678901234567890.1` as a double; where a number
//! is computed with or has too many digits for one, it becomes a cast of its text.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, Statement, TableFactor, TypedString,
    UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use std::ops::ControlFlow;

/// Functions that tell a `numeric` from a double.
const NUMERIC_FUNCTIONS: [&str; 20] = [
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "div",
    "exp",
    "floor",
    "ln",
    "log",
    "log10",
    "mod",
    "pg_typeof",
    "power",
    "round",
    "sign",
    "sqrt",
    "sum",
    "to_char",
    "trunc",
    "width_bucket",
];

/// The parts of `make_interval`, which are given by name.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// Digits of a second in a time of nanoseconds.
pub(crate) const NANOSECOND_DIGITS: u64 = 9;

/// Significant digits that a double keeps.
const DOUBLE_DIGITS: usize = 15;

/// Rewrites a statement in place.
pub(crate) fn rewrite(statement: &mut Statement) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    /// A series of times is counted in nanoseconds.
    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let (name, args) = match table {
            TableFactor::Table { name, args: Some(args), .. } => (name, &mut args.args),
            TableFactor::Function { name, args, .. } => (name, args),
            _ => return ControlFlow::Continue(()),
        };
        if name.to_string().eq_ignore_ascii_case("generate_series") {
            for arg in args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(
                    Expr::Cast { data_type: DataType::Timestamp(precision, _), .. }
                    | Expr::TypedString(TypedString { data_type: DataType::Timestamp(precision, _), .. }),
                )) = arg
                {
                    *precision = Some(NANOSECOND_DIGITS);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::AtTimeZone { timestamp, time_zone } => {
                *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
            }
            // All bits turned: as a sum, which has no value that it overflows at.
            Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: operand } => {
                let right = Box::new(Expr::Nested(Box::new(take(operand))));
                *expr = Expr::BinaryOp { left: Box::new(number("-1")), op: BinaryOperator::Minus, right };
            }
            Expr::UnaryOp { op, expr: operand } => {
                let function = match op {
                    UnaryOperator::PGSquareRoot => "sqrt",
                    UnaryOperator::PGCubeRoot => "cbrt",
                    UnaryOperator::PGAbs => "abs",
                    _ => return ControlFlow::Continue(()),
                };
                *expr = call(function, vec![take(operand)]);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => {
                if let (Expr::Tuple(left), Expr::Tuple(right)) = (left.as_mut(), right.as_mut()) {
                    let args = left.drain(..).chain(right.drain(..)).collect();
                    *expr = call("overlaps", args);
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::PGExp, right } => {
                [left, right].into_iter().for_each(|side| exact_number(side));
            }
            Expr::Cast { expr, data_type, .. } if !is_double(data_type) => exact_number(expr),
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                escape_by_backslash(pattern, escape_char);
            }
            Expr::Identifier(name)
                if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("current_schema") =>
            {
                *expr = call("current_schema", Vec::new());
            }
            Expr::SimilarTo { negated, expr: text, pattern, escape_char } => {
                if let Some(regex) = similar_regex(pattern, escape_char.as_ref()) {
                    let like = call("regexp_like", vec![take(text), quoted(regex)]);
                    *expr = match negated {
                        true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(like) },
                        false => like,
                    };
                }
            }
            Expr::Interval(interval) => {
                if let Some(text) = interval_text(interval) {
                    *expr = cast(text, DataType::Interval { fields: None, precision: None });
                }
            }
            Expr::Function(function) => rewrite_call(function),
            Expr::Value(_) => exact_if_long(expr),
            Expr::Floor { expr, .. } | Expr::Ceil { expr, .. } => exact_number(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `LIKE 'a!%' ESCAPE '!'` as `LIKE 'a\%'`.
fn escape_by_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    let given = escape.clone().and_then(|escape| escape.value.into_string());
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else { return };
    let Some(given) = given.filter(|given| given.chars().count() <= 1) else { return };
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if given.starts_with(letter) {
            match letters.next() {
                Some(next) => out.extend(['\\', next]),
                // An escape at the end is for DataFusion to refuse.
                None => return,
            }
        } else if letter == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(letter);
        }
    }
    (*text, *escape) = (out, None);
}

/// The regular expression of a pattern of SIMILAR TO, which DataFusion takes for one as it stands.
fn similar_regex(pattern: &Expr, escape: Option<&ValueWithSpan>) -> Option<String> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else { return None };
    let escape = match escape {
        Some(escape) => escape.value.clone().into_string()?.chars().next(),
        None => Some('\\'),
    };
    let (mut out, mut in_brackets) = (String::from("^(?:"), false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            letter if Some(letter) == escape => {
                let next = letters.next()?;
                if !next.is_alphanumeric() {
                    out.push('\\');
                }
                out.push(next);
            }
            ']' | '[' => {
                in_brackets = letter == '[';
                out.push(letter);
            }
            letter if in_brackets => out.push(letter),
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => out.push_str("(?:"),
            '.' | '^' | '$' | '\\' => out.extend(['\\', letter]),
            letter => out.push(letter),
        }
    }
    out.push_str(")$");
    Some(out)
}

fn quoted(text: String) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span: Span::empty() })
}

fn take(expr: &mut Box<Expr>) -> Expr {
    std::mem::replace(expr.as_mut(), Expr::Value(ValueWithSpan { value: Value::Null, span: Span::empty() }))
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// A call of a function by its name.
fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn rewrite_call(function: &mut Function) {
    let name = function.name.to_string().to_lowercase();
    if ["statement_timestamp", "transaction_timestamp"].contains(&name.as_str()) {
        function.name = ObjectName::from(vec![Ident::new("now")]);
    }
    if name == "array_remove" {
        // DataFusion's function of that name removes the first only.
        function.name = ObjectName::from(vec![Ident::new("array_remove_all")]);
    }
    let FunctionArguments::List(list) = &mut function.args else { return };
    if NUMERIC_FUNCTIONS.contains(&name.as_str()) {
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                exact_number(expr);
            }
        }
    }
    if name == "pg_typeof" {
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                small_integer(expr);
            }
        }
    }
    if name == "make_interval" && list.args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_))) {
        place_parts(&mut list.args);
    }
}

fn number(text: &str) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Number(text.to_owned(), false), span: Span::empty() })
}

fn is_double(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_uppercase();
    ["FLOAT", "DOUBLE", "REAL"].iter().any(|double| name.starts_with(double))
}

fn place_of(part: &str) -> Option<usize> {
    INTERVAL_PARTS.iter().position(|known| part.eq_ignore_ascii_case(known))
}

/// Puts arguments that are given by name into their places.
fn place_parts(args: &mut Vec<FunctionArg>) {
    let mut parts: Vec<FunctionArg> = INTERVAL_PARTS.iter().map(|_| argument(number("0"))).collect();
    for (at, arg) in args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => (place_of(&name.value), value),
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                (place_of(&name.value), value)
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (Some(at), value),
            _ => return,
        };
        // A part that is not known stays, and is refused by its name.
        let Some(part) = place.and_then(|place| parts.get_mut(place)) else { return };
        *part = argument(value.clone());
    }
    *args = parts;
}

/// A literal that fits into 32 bits is an `integer`.
fn small_integer(expr: &mut Expr) {
    if let Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) = expr
        && text.parse::<i32>().is_ok()
    {
        *expr = cast(text.clone(), DataType::Integer(None));
    }
}

/// A literal with a point, or its negative, as a `numeric`.
fn exact_number(expr: &mut Expr) {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) if text.contains(['.', 'e', 'E']) => {
            if let Some(cast) = cast_of(text) {
                *expr = cast;
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } | Expr::Nested(expr) => exact_number(expr),
        _ => {}
    }
}

/// A literal of more digits than a double or an integer has, as a `numeric`.
fn exact_if_long(expr: &mut Expr) {
    let Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) = expr else { return };
    let whole = text.bytes().all(|digit| digit.is_ascii_digit());
    let is_long = match whole {
        true => text.parse::<i64>().is_err(),
        false => {
            digits_of(text).is_some_and(|digits| digits.significant > DOUBLE_DIGITS)
                || text.parse() == Ok(f64::INFINITY)
        }
    };
    if is_long && let Some(cast) = cast_of(text) {
        *expr = cast;
    }
}

struct Digits {
    significant: usize,
    whole: i64,
    scale: i64,
}

/// How a number is written; `None` if it is not written as one.
fn digits_of(text: &str) -> Option<Digits> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || exponent.abs() > 10_000 {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').len();
    let whole = whole.trim_start_matches('0').len() as i64 + exponent;
    Some(Digits { significant, whole: whole.max(0), scale: (fraction.len() as i64 - exponent).max(0) })
}

/// `CAST('…' AS DECIMAL(p, s))` with as many digits as are written; as a double where no decimal has so many.
fn cast_of(text: &str) -> Option<Expr> {
    let digits = digits_of(text)?;
    let precision = (digits.whole + digits.scale).max(1);
    let data_type = match precision {
        1..=76 => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision as u64, digits.scale)),
        _ => DataType::DoublePrecision,
    };
    Some(cast(text.to_owned(), data_type))
}

/// `CAST('…' AS data_type)`.
fn cast(text: String, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(quoted(text)), data_type, array: false, format: None }
}

/// The text of `INTERVAL '5' MINUTE`; nothing for forms with more than a unit, which are left to the planner.
fn interval_text(interval: &Interval) -> Option<String> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = interval.value.as_ref() else {
        return None;
    };
    if interval.last_field.is_some() || interval.leading_precision.is_some() {
        return None;
    }
    Some(match &interval.leading_field {
        Some(unit) => format!("{text} {unit}"),
        None => text.clone(),
    })
}
