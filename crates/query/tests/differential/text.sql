SELECT 'a' < 'B', 'a' < 'b', 'Z' < 'a', 'é' > 'z', '' < 'a', 'a ' = 'a', 'a' < 'ab'
SELECT DISTINCT system_actor FROM ai_audit_logs ORDER BY 1
SELECT DISTINCT system_actor FROM ai_audit_logs ORDER BY system_actor DESC
SELECT DISTINCT input_features->'applicant'->'address'->>'city' c FROM ai_audit_logs ORDER BY c
SELECT system_actor LIKE 'loan%', system_actor ILIKE 'LOAN%', system_actor LIKE '50\%', system_actor LIKE '50!%' ESCAPE '!', system_actor LIKE '%\_%' FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT 'a\b' LIKE 'a\\b', 'a%b' LIKE 'a\%b', 'axb' LIKE 'a\%b', 'abc' LIKE 'a_c', 'a' LIKE '', '' LIKE '%', NULL LIKE 'a', 'a' LIKE NULL
SELECT 'abc' LIKE 'ABC', 'abc' ILIKE 'ABC', 'ÄÖ' ILIKE 'äö', E'a\nb' LIKE 'a%b'
SELECT 'abc' LIKE 'a\'
SELECT 'abc' ~ 'B', 'abc' ~* 'B', 'abc' !~ 'z', 'a.c' ~ 'a\.c', 'abc' ~ '^b', 'foo123' ~ '\d+', 'a b' ~ '\s', 'über' ~ '^\w+$'
SELECT 'abc' SIMILAR TO '(a|b)%', 'abc' SIMILAR TO 'a', 'a.c' SIMILAR TO 'a.c', 'abc' SIMILAR TO 'a.c', 'a|b' SIMILAR TO 'a\|b'
-- differs: `upper`, `lower`
SELECT length('日本'), char_length('é'), octet_length('é'), bit_length('a'), length(''), upper('straße'), lower('ÀÉ'), initcap('hello wORLD-foo_bar')
SELECT left('abcde', 2), left('abcde', -2), right('abcde', 2), right('abcde', -2), left('abc', 0), right('abc', 9)
SELECT substring('abcdef', 2, 3), substring('abcdef' from 3), substring('abcdef' for 2), substring('abcdef', -1, 3), substring('abcdef', 0), substr('abcdef', 2, 0)
SELECT substring('abc', 1, -1)
-- missing: similar
SELECT substring('foobar' from 'o(.)b'), substring('foobar' from 'xyz'), substring('foobar' similar 'f#"oo#"%' escape '#')
SELECT position('b' in 'abc'), position('' in 'abc'), strpos('abc', 'z'), strpos('日本語', '語')
SELECT split_part('a,b,c', ',', 2), split_part('a,b,c', ',', 5), split_part('a,b,c', ',', -1), split_part('abc', '', 1)
SELECT split_part('a', ',', 0)
SELECT trim('  a '), ltrim('  a'), rtrim('a  '), trim(both 'x' from 'xxaxx'), trim(leading 'x' from 'xxa'), trim(trailing 'xy' from 'axyx'), btrim('abcba', 'ab')
SELECT lpad('5', 3, '0'), lpad('12345', 3), rpad('5', 3, 'ab'), lpad('x', 5, 'ab'), lpad('x', 3, ''), repeat('ab', 0), repeat('a', -1)
SELECT replace('aaa', 'a', 'b'), replace('abc', '', 'x'), translate('12345', '143', 'ax'), reverse('añb'), overlay('abcdef' placing 'XX' from 3 for 2)
-- differs: zeros at the end of a `numeric`
SELECT concat('a', NULL, 1, true, 1.5), concat_ws(',', 'a', NULL, 'b'), concat_ws(NULL, 'a'), 'a' || 1, 1 || 'a', 'a' || NULL, 'a' || true, 'x' || 1.50
SELECT 'a' || date '2026-11-20', 'x' || timestamp '2026-11-20 10:00', 'c' || confidence FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT ascii('é'), chr(233), md5('abc'), encode(sha256('abc'), 'hex'), encode('a b'::bytea, 'escape'), decode('616263', 'hex')
SELECT format('%s %I %L %%', 'a', 'b c', 'd''e'), format('%2$s %1$s', 'a', 'b'), format('%-5s|%5s|', 'a', 'b'), format('%s', NULL)
SELECT quote_literal('a''b'), quote_ident('a b'), quote_ident('abc'), quote_nullable(NULL)
SELECT regexp_replace('abcabc', 'b', 'X'), regexp_replace('abcabc', 'b', 'X', 'g'), regexp_replace('abc', '(a)(b)', '\2\1'), regexp_replace('ABC', 'b', 'x', 'i')
SELECT regexp_split_to_array('a1b2c', '\d'), string_to_array('a,b,,c', ','), string_to_array('a,b', ',', 'b'), array_to_string(array['a',NULL,'c'], ','), array_to_string(array['a',NULL], ',', '*')
SELECT starts_with('abc', 'ab'), 'abc' ^@ 'ab', 'abc' COLLATE "C" < 'abd'
SELECT to_char(1234.5, '9,999.99'), to_char(-5, '999'), to_char(0.5, '0.00'), to_char(12, '0000'), to_char(1234567, 'FM9,999,999'), to_char(-1.5, 'S9.9'), to_char(5, 'RN'), to_char(1e10::float8, '9.99EEEE')
-- differs: `varchar`, `char`, `name`
SELECT 'abc'::varchar, 'abc'::varchar(2)::text, 'abc'::char(5)::text, 'ab'::char(2) = 'ab '
-- missing: UnicodeStringLiteral
SELECT 'it''s', E'a\nb', E'\u00e9', $$dollar 'quoted'$$, U&'\00e9'
SELECT upper(NULL), length(NULL), NULL || 'a', coalesce(NULL, 'x'), nullif('a', 'a'), nullif('a', 'b')
SELECT model_id || '/' || model_version, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE model_version > '2.2'
SELECT count(*) FROM ai_audit_logs WHERE user_id LIKE 'sub_01%' AND user_id NOT LIKE '%f'
SELECT min(system_actor), max(system_actor), min(model_version), max(model_version) FROM ai_audit_logs
SELECT string_agg(DISTINCT system_actor, ', ' ORDER BY system_actor) FROM ai_audit_logs
SELECT string_agg(model_version, '|' ORDER BY leaf_index DESC) FROM ai_audit_logs WHERE leaf_index < 5
SELECT string_agg(override_reason, ',') FROM ai_audit_logs WHERE leaf_index < 0
SELECT string_agg(request_id, ',' ORDER BY leaf_index) FROM ai_audit_logs WHERE leaf_index < 2
SELECT 'abc' IN ('abc', 'd'), 'a' BETWEEN 'A' AND 'b', 'b' > ALL (array['a','A']), 'a' = ANY (array['x','a'])
SELECT cast('2026' AS text) || 1, cast(1.0 AS text), cast(true AS text), cast(1e20::float8 AS text), cast(interval '1 day' AS text)
SELECT ('x' || 'y')::text, 'a'::text = 'a'::varchar
SELECT count(*) FROM ai_audit_logs WHERE environment = 'PRODUCTION'
-- missing: normalize
SELECT normalize('é'), unistr('\00e9'), parse_ident('a.b')
SELECT length('日本'), char_length('é'), octet_length('é'), bit_length('a'), length(''), upper('straze'), lower('ÀÉ'), initcap('hello wORLD-foo_bar')
SELECT concat('a', NULL, 1, true, 1.5), concat_ws(',', 'a', NULL, 'b'), concat_ws(NULL, 'a'), 'a' || 1, 1 || 'a', 'a' || NULL, 'a' || true
SELECT 'it''s', E'a\nb', E'\u00e9', $$dollar 'quoted'$$
SELECT regexp_match('foobar', '(o+)(b)'), regexp_match('abc', 'x'), regexp_count('ababa', 'a'), regexp_substr('foo123', '\d+'), regexp_like('abc', 'B', 'i')
SELECT substring('foobar' from 'o(.)b'), substring('foobar' from 'xyz')
