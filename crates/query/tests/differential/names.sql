SELECT * FROM ai_audit_logs ORDER BY leaf_index LIMIT 600
SELECT 1, 'a', true, NULL, 1.5, -1, 10000000000, 1e3
SELECT 1 AS a, 2 a, 3 "A"
SELECT count(*), count(*), max(leaf_index) FROM ai_audit_logs
SELECT t.count FROM (SELECT count(*) FROM ai_audit_logs) t
SELECT t.max, t.min FROM (SELECT max(leaf_index), min(leaf_index) FROM ai_audit_logs) t
SELECT sum FROM (SELECT sum(leaf_index) FROM ai_audit_logs) t
SELECT "?column?" FROM (SELECT 1 + 1) t
-- differs: `varchar`, `char`, `name`
SELECT upper(model_id), model_id::varchar, (model_id), a.model_id FROM ai_audit_logs a ORDER BY leaf_index LIMIT 1
SELECT CASE WHEN true THEN 1 END, CASE WHEN true THEN leaf_index ELSE leaf_index END, coalesce(leaf_index, 1), (SELECT 1), (SELECT max(leaf_index) m FROM ai_audit_logs), array[1,2] FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT x, y FROM (VALUES (1, 'a'), (2, 'b')) t(x, y) ORDER BY 1
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t ORDER BY 1
VALUES (1, 'a'), (2, 'b')
SELECT column1 FROM (VALUES (1.5), (2)) t ORDER BY 1
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a JOIN ai_audit_logs b USING (leaf_index) ORDER BY 1 LIMIT 1
-- differs: names of types and users
SELECT pg_typeof(1)::text, pg_typeof(1.5)::text, pg_typeof('a')::text, pg_typeof(NULL)::text, pg_typeof(confidence)::text, pg_typeof(timestamp)::text, pg_typeof(input_features)::text, pg_typeof(array[1])::text, pg_typeof(leaf_index)::text FROM ai_audit_logs LIMIT 1
-- differs: names of types and users
SELECT pg_typeof(1)
-- differs: names of types and users
SELECT current_user
-- differs: what PostgreSQL refuses
SELECT leaf_index::int2, leaf_index::int4, leaf_index::int8, leaf_index::float4, leaf_index::float8, leaf_index::numeric, leaf_index::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT decimal '1.5', numeric '1.50', int '5', bool 'on', text 'x', date '2026-11-20', float '1.5', bigint '7', real '1.5', double precision '2.5'
-- differs: `varchar`, `char`, `name`
SELECT 'abc'::varchar(2), 'a'::char(3)
SELECT '018f0000-0000-7000-8000-000000000001'::uuid
SELECT ('018F0000-0000-7000-8000-000000000001'::uuid)::text, uuid '018f0000-0000-7000-8000-000000000001' = '018F0000-0000-7000-8000-000000000001', '{018f000000007000-8000000000000001}'::uuid::text
SELECT 'x'::uuid
SELECT leaf_index AS "Leaf Index", model_id AS "select" FROM ai_audit_logs ORDER BY 1 LIMIT 1
SELECT ai_audit_logs.* FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT AI_Audit_Logs.Leaf_Index FROM AI_AUDIT_LOGS ORDER BY 1 LIMIT 1
SELECT public.ai_audit_logs.leaf_index FROM public.ai_audit_logs ORDER BY 1 LIMIT 1
SELECT data_type::text FROM information_schema.columns WHERE table_name = 'ai_audit_logs' AND column_name IN ('timestamp','confidence','input_features','leaf_index','overridden','model_id') ORDER BY column_name
SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns WHERE table_name = 'ai_audit_logs' ORDER BY ordinal_position
SELECT table_name::text FROM information_schema.tables WHERE table_name = 'ai_audit_logs'
SELECT nope FROM ai_audit_logs
SELECT * FROM nope
SELECT leaf_index FROM ai_audit_logs a, ai_audit_logs b LIMIT 1
SELECT 'a' AS x UNION SELECT 'b' ORDER BY x
SELECT NULL AS x UNION SELECT 1 ORDER BY x
SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2.5, 'y' ORDER BY a
SELECT upper(model_id), (model_id), a.model_id FROM ai_audit_logs a ORDER BY leaf_index LIMIT 1
SELECT pg_typeof(1)::text, pg_typeof(1.5)::text, pg_typeof(NULL)::text, pg_typeof(confidence)::text, pg_typeof(timestamp)::text, pg_typeof(input_features)::text, pg_typeof(array[1])::text, pg_typeof(leaf_index)::text FROM ai_audit_logs LIMIT 1
SELECT leaf_index::int2, leaf_index::int4, leaf_index::int8, leaf_index::float4, leaf_index::float8, leaf_index::numeric, leaf_index::text FROM ai_audit_logs WHERE leaf_index = 7
SELECT CASE WHEN true THEN 1 END, CASE WHEN true THEN leaf_index ELSE leaf_index END, coalesce(leaf_index, 1), (SELECT 1), (SELECT max(leaf_index) m FROM ai_audit_logs), array[1,2] FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
-- missing: subquery
SELECT EXISTS (SELECT 1)
-- missing: same name
SELECT confidence, confidence FROM ai_audit_logs WHERE leaf_index < 9 ORDER BY leaf_index
