SELECT 7/2, -7/2, 7/-2, 7%3, -7%3, 7%-3, 7.0/2, 7/2.0, 1/3.0
SELECT 5/0
SELECT 5%0
SELECT 5.0/0
SELECT 5::float8/0
SELECT 0::float8/0
SELECT round(2.5), round(3.5), round(-2.5), round(0.5), round(1.005, 2), round(-1.235, 2), round(12345.678, -2)
SELECT round(2.5::float8), round(3.5::float8), round(-0.5::float8), round(0.5::float8)
SELECT trunc(2.7), trunc(-2.7), trunc(1.999, 2), trunc(-1.999::float8), ceil(-0.5), floor(-0.5), ceil(2), floor(2.5::float8)
SELECT 2.5::int, 3.5::int, -2.5::int, 2.5::float8::int, 3.5::float8::int, 0.5::float8::bigint, '2.5'::numeric::int
SELECT 2147483648::int
SELECT 32768::smallint
SELECT 9223372036854775808::bigint
SELECT 1e30::int
SELECT 'NaN'::float8::int
SELECT '1e400'::float8
SELECT 1e308::float8 * 10
SELECT 2147483647 + 1
SELECT 9223372036854775807 + 1
SELECT -(-9223372036854775808)
SELECT 2147483647::bigint + 1, 2147483647 * 2::bigint
SELECT 100000 * 100000
SELECT abs(-5), abs(-5.5), abs(-5.5::float8), sign(-3), sign(0.0), sign(-2.5::float8)
-- differs: `power` of a `numeric` to a fraction; `exp`, `ln`, `log` of one
SELECT power(2, 10), power(2.0, 3), 2^0.5, 2::float8^3, sqrt(2), sqrt(2.0), cbrt(27), exp(1.0::float8), ln(2.0::float8), log(100::float8), log10(1000::float8)
SELECT sqrt(-1)
SELECT ln(0)
SELECT power(0, -1)
SELECT 'NaN'::float8 = 'NaN'::float8, 'NaN'::float8 > 'Infinity'::float8, 'Infinity'::float8 = 'Infinity'::float8, '-Infinity'::float8 < 0
SELECT 'Infinity'::float8 - 'Infinity'::float8, 'Infinity'::float8 * 0, 1 / 'Infinity'::float8
SELECT '-0'::float8, -0.0::float8, 0::float8 = -0.0::float8, -('0'::float8)
SELECT 1.0::float8, 1e15::float8, 1e16::float8, 1e-5::float8, 0.1::float8 + 0.2::float8, 1e100::float8, 123456789.123456789::float8
-- differs: `real`
SELECT 1.1::real, 16777217::real, 1e10::real, 0.1::real::float8, 3.4e38::real * 10::real
-- differs: `power` of a `numeric` to a fraction; `exp`, `ln`, `log` of one
SELECT 0.1 + 0.2, 1.10 * 1.10, 1.50 - 0.50, 10.0 / 4, 1 / 3::numeric, 2::numeric ^ 0.5
SELECT 12345678901234567890 + 1, 0.000000000000000000001 * 1, 99999999999999999999 * 99999999999999999999
SELECT cast(1.005 AS numeric(10,2)), 123.456::numeric(5,1), 999.99::numeric(4,1), '  42 '::int, '-0042'::int, '+7'::int
SELECT 12345.6::numeric(4,1)
SELECT 'abc'::int
SELECT ''::int
SELECT '1.5'::int
SELECT '1_000'::int
SELECT '0x1F'::int
SELECT ' 1.5e3 '::float8, 'inf'::float8, '-infinity'::float8, 'nan'::float8, '.5'::numeric, '5.'::numeric
SELECT 1::boolean, 0::boolean, true::int, 'yes'::boolean, 'on'::boolean, 'F'::boolean, '0'::boolean
SELECT 'maybe'::boolean
SELECT true = 't', false = 'f', true > false, true AND NULL, true OR NULL, NOT NULL::boolean
SELECT 1 = 1.0, 1 = 1.0::float8, '1' = 1, 1.0 = '1.00'::numeric, 0.1::float8 = 0.1, 0.1::real = 0.1
SELECT 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 16 >> 2, -1 >> 1
SELECT to_hex(255), to_hex(-1), to_hex(-1::bigint)
SELECT width_bucket(confidence, 0, 1, 10) b, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT width_bucket(5.5, 0, 10, 4), width_bucket(-1, 0, 10, 4), width_bucket(11, 0, 10, 4), width_bucket(10, 0, 10, 4)
SELECT greatest(1, 2.5, NULL), least(1.5, 2), greatest('a', 'b'), greatest(NULL, NULL)
SELECT pi(), degrees(pi()), radians(180), sin(0), cos(0), tan(0), atan2(1, 1)
SELECT random() >= 0 AND random() < 1
SELECT confidence, confidence * 100, confidence / 3, confidence::numeric, confidence::numeric(4,2), round(confidence::numeric, 1) FROM ai_audit_logs ORDER BY leaf_index LIMIT 9
SELECT data_retention_days / 7, data_retention_days % 7, data_retention_days / 7.0, data_retention_days * 1.5 FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT leaf_index::float8 / 7, leaf_index / 7, leaf_index::numeric / 7, leaf_index::real / 7 FROM ai_audit_logs WHERE leaf_index BETWEEN 10 AND 14 ORDER BY leaf_index
SELECT sum(leaf_index)::float8 / count(*), sum(leaf_index) / count(*) FROM ai_audit_logs
-- differs: `smallint`
SELECT 1::smallint + 1::smallint, pg_typeof(1::smallint)::text, pg_typeof(1::smallint + 1)::text
-- differs: `smallint`
SELECT 32767::smallint + 1::smallint
-- missing: scale
SELECT scale(1.50), min_scale(1.50), trim_scale(1.50)
-- missing: found: 7
SELECT 10 BETWEEN 1 AND 10, 5 NOT BETWEEN 6 AND 7, 5 BETWEEN SYMMETRIC 7 AND 3
SELECT 3 IN (1, 2, 3), 3 IN (1, NULL), 3 NOT IN (1, NULL), 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL
SELECT 1.5e3, 1e-2, .5, 1., 1e10, 123456789012
SELECT -2 ^ 2, 2 ^ 3 ^ 2, 2 * 3 + 4 % 3, - 5 % 3, 1 - 1 - 1
SELECT @ -5, |/ 25, ||/ 27, 5 !
SELECT mod(-7, 3), mod(7.5, 2), div(7, 2), div(-7.5, 2), gcd(12, 18), lcm(4, 6)
-- differs: `factorial`
SELECT factorial(5)
SELECT power(2, 10), power(2.0, 3), 2::float8^3, sqrt(2), sqrt(2.0), exp(1.0::float8), ln(2.0::float8), log(100::float8), log10(1000::float8)
SELECT 1.1::real, 16777217::real, 1e10::real, 0.1::real::float8
SELECT 0.1 + 0.2, 1.10 * 1.10, 1.50 - 0.50, 10.0 / 4, 1 / 3::numeric
-- rounded: the last digits of sums of doubles
SELECT cbrt(27.0::float8), sin(1), cos(1), tan(1), asin(0.5), acos(0.5), atan(0.5), cot(1), sinh(1), cosh(1), tanh(1)
SELECT 10 BETWEEN 1 AND 10, 5 NOT BETWEEN 6 AND 7
SELECT 1.1::float, 0.35::float(53), 0.35::float(24), float '0.1'
SELECT coalesce(confidence, 0.5), coalesce(confidence, 0), greatest(confidence, 0.7), CASE WHEN overridden THEN 0.1 ELSE confidence END, nullif(confidence, 0.5235) FROM ai_audit_logs ORDER BY leaf_index LIMIT 9
SELECT coalesce(confidence::numeric, 0.5), coalesce(leaf_index, 0) FROM ai_audit_logs ORDER BY leaf_index LIMIT 9
-- differs: a number with a point beside others in CASE, COALESCE, GREATEST
SELECT greatest(leaf_index, 1.5), CASE WHEN overridden THEN 1.5 ELSE leaf_index END FROM ai_audit_logs ORDER BY leaf_index LIMIT 9
SELECT x + 1, x * 2 FROM (VALUES (1.1::float8), (2.2)) t(x) ORDER BY 1
SELECT confidence FROM ai_audit_logs WHERE leaf_index < 3 UNION ALL SELECT 1.5 ORDER BY 1
SELECT array[1.5, 2], array[confidence, 1.5] FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
-- differs: a number with a point beside others in CASE, COALESCE, GREATEST
SELECT coalesce(confidence, 0.5::numeric) FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
