//! Expressions that DataFusion does not plan, or plans otherwise than PostgreSQL, written as calls of functions.
//!
//! What holds: a literal keeps all its digits. The parser would read `12345678901234567890.1` as a double; where a number
//! is computed with or has too many digits for one, it becomes a cast of its text.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, ObjectName, TableAlias, TableAliasColumnDef, TableFactor,
    TimezoneInfo, UnaryOperator, Value, ValueWithSpan, WindowFrameBound, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;

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

/// Functions whose type is that of their arguments.
const CHOICES: [&str; 22] = [
    "abs",
    "array_agg",
    "array_append",
    "array_prepend",
    "array_remove",
    "array_remove_all",
    "array_replace",
    "coalesce",
    "gcd",
    "lcm",
    "first_value",
    "greatest",
    "last_value",
    "least",
    "max",
    "min",
    "mod",
    "nth_value",
    "nullif",
    "pg_typeof",
    "sum",
    "to_hex",
];

/// Functions of DataFusion's that count in 64 bits where PostgreSQL gives an `integer`.
const INTEGER_FUNCTIONS: [&str; 3] = ["array_ndims", "array_position", "regexp_instr"];

/// The parts of `make_interval`, which are given by name.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// Digits of a second in a time of nanoseconds.
pub(crate) const NANOSECOND_DIGITS: u64 = 9;

/// Significant digits that a double keeps.
const DOUBLE_DIGITS: usize = 15;

/// Rewrites one expression, whose parts are rewritten already.
pub(super) fn rewrite(expr: &mut Expr) {
    match expr {
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
        }
        // All bits turned: as a sum, which has no value that it overflows at.
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: operand } => {
            let right = Box::new(Expr::Nested(Box::new(take(operand))));
            *expr = Expr::BinaryOp { left: Box::new(number("-1")), op: BinaryOperator::Minus, right };
        }
        // A sign binds closer than a power.
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: operand } if is_power(operand) => {
            let mut power = take(operand);
            negate_base(&mut power);
            *expr = power;
        }
        Expr::BinaryOp { left, op: BinaryOperator::PGStartsWith, right } => {
            *expr = call("starts_with", vec![take(left), take(right)]);
        }
        Expr::BinaryOp { left, op: BinaryOperator::PGOverlap, right } => {
            *expr = call("array_has_any", vec![take(left), take(right)]);
        }
        Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => match (left.as_mut(), right.as_mut()) {
            (Expr::Array(_), literal) | (literal, Expr::Array(_)) => typed_literal(literal),
            _ => {}
        },
        // Texts are compared by their code points, as in these.
        Expr::Collate { expr: text, collation }
            if ["\"C\"", "\"POSIX\"", "\"ucs_basic\""].contains(&collation.to_string().as_str()) =>
        {
            *expr = take(text);
        }
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => name_apart(right),
        Expr::UnaryOp { op, expr: operand } => {
            let function = match op {
                UnaryOperator::PGSquareRoot => "sqrt",
                UnaryOperator::PGCubeRoot => "cbrt",
                UnaryOperator::PGAbs => "abs",
                _ => return,
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
        Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("current_schema") => {
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
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("localtimestamp") => {
            *expr = cast_of_call(call("now", Vec::new()), DataType::Timestamp(None, TimezoneInfo::None));
        }
        Expr::Function(function) => {
            rewrite_call(function);
            if INTEGER_FUNCTIONS.contains(&function.name.to_string().to_lowercase().as_str()) {
                *expr = cast_of_call(take(expr), DataType::Integer(None));
            }
        }
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter_mut().map(|branch| &mut branch.result);
            typed_alternatives(results.chain(else_result.iter_mut().map(AsMut::as_mut)).collect());
        }
        Expr::Array(list) => typed_alternatives(list.elem.iter_mut().collect()),
        Expr::BinaryOp { left: _, op, right } if is_before_minus(op) => negate(op, right),
        Expr::Value(_) => exact_if_long(expr),
        Expr::Floor { expr, .. } | Expr::Ceil { expr, .. } => exact_number(expr),
        _ => {}
    }
}

fn is_power(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::PGExp, .. })
}

fn negate_base(power: &mut Expr) {
    let Expr::BinaryOp { left, .. } = power else { return };
    if is_power(left) {
        return negate_base(left);
    }
    **left = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(take(left)) };
}

/// The values of a subquery under a name that no other column has: the planner would take `c > ANY (SELECT c …)` for a
/// comparison of `c` with itself.
fn name_apart(values: &mut Expr) {
    let Expr::Subquery(query) = values else { return };
    let name = Ident::new("value of the subquery");
    let column = TableAliasColumnDef { name: Ident::with_quote('"', name.value.clone()), data_type: None };
    let alias = TableAlias { explicit: true, name: Ident::new("subquery"), columns: vec![column], at: None };
    let table = TableFactor::Derived { lateral: false, subquery: query.clone(), alias: Some(alias), sample: None };
    **query = super::select::of_one(Expr::Identifier(Ident::with_quote('"', name.value)), table);
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

pub(super) fn quoted(text: String) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span: Span::empty() })
}

pub(super) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(ValueWithSpan { value: Value::Null, span: Span::empty() }))
}

/// The arguments of a call, if all are plain.
pub(super) fn exprs(args: &[FunctionArg]) -> Option<Vec<Expr>> {
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    args.iter().map(plain).collect()
}

pub(super) fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// A call of a function by its name.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
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
    if let Some(WindowType::WindowSpec(window)) = &mut function.over
        && let Some(frame) = &mut window.window_frame
    {
        let bounds = [Some(&mut frame.start_bound), frame.end_bound.as_mut()];
        bounds.into_iter().flatten().for_each(plain_interval);
    }
    let FunctionArguments::List(list) = &mut function.args else { return };
    if NUMERIC_FUNCTIONS.contains(&name.as_str()) {
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                exact_number(expr);
            }
        }
    }
    if CHOICES.contains(&name.as_str()) {
        let plain = list.args.iter_mut().filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        });
        typed_alternatives(plain.collect());
    }
    if name == "make_interval" && list.args.iter().any(|arg| !matches!(arg, FunctionArg::Unnamed(_))) {
        place_parts(&mut list.args);
    }
}

pub(super) fn number(text: &str) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Number(text.to_owned(), false), span: Span::empty() })
}

fn is_double(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_uppercase();
    ["FLOAT", "DOUBLE", "REAL"].iter().any(|double| name.starts_with(double))
}

/// A bound of a frame as it was written: there the planner takes no cast.
fn plain_interval(bound: &mut WindowFrameBound) {
    let (WindowFrameBound::Preceding(Some(expr)) | WindowFrameBound::Following(Some(expr))) = bound else { return };
    if let Expr::Cast { expr: text, data_type: DataType::Interval { .. }, .. } = expr.as_mut() {
        let value = Box::new(take(text));
        **expr = Expr::Interval(Interval {
            value,
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        });
    }
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

/// Literals of which one is the result. Beside other expressions one with a point has the type of these, which may be a
/// double.
pub(super) fn typed_alternatives(alternatives: Vec<&mut Expr>) {
    let is_literal = |expr: &Expr| match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => matches!(expr.as_ref(), Expr::Value(_)),
        expr => matches!(expr, Expr::Value(_)),
    };
    let all_literals = alternatives.iter().all(|expr| is_literal(expr));
    let has_point = |expr: &Expr| expr.to_string().contains(['.', 'e', 'E']);
    alternatives
        .into_iter()
        .filter(|expr| is_literal(expr) && (all_literals || !has_point(expr)))
        .for_each(typed_literal);
}

/// Operators that the parser takes together with a minus that follows: `->-1`.
fn is_before_minus(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Custom(op) if ["->-", "->>-"].contains(&op.as_str()))
}

fn negate(op: &mut BinaryOperator, right: &mut Box<Expr>) {
    let BinaryOperator::Custom(given) = op else { return };
    *op = if given == "->-" { BinaryOperator::Arrow } else { BinaryOperator::LongArrow };
    **right = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(take(right)) };
}

/// A literal that fits into 32 bits is an `integer`, and one with a point a `numeric`.
pub(super) fn typed_literal(expr: &mut Expr) {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) if text.parse::<i32>().is_ok() => {
            *expr = cast(text.clone(), DataType::Integer(None));
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: operand } => match operand.as_ref() {
            Expr::Value(ValueWithSpan { value: Value::Number(text, _), .. }) if text.parse::<i32>().is_ok() => {
                *expr = cast(format!("-{text}"), DataType::Integer(None));
            }
            _ => exact_number(operand),
        },
        Expr::Nested(expr) => typed_literal(expr),
        expr => exact_number(expr),
    }
}

/// A literal with a point, or its negative, as a `numeric`.
pub(super) fn exact_number(expr: &mut Expr) {
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

fn cast_of_call(call: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(call), data_type, array: false, format: None }
}

/// `CAST('…' AS data_type)`.
pub(super) fn cast(text: String, data_type: DataType) -> Expr {
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
