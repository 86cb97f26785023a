SELECT count(*) FROM ai_audit_logs WHERE leaf_index IN (SELECT max(leaf_index) FROM ai_audit_logs GROUP BY model_version)
SELECT leaf_index FROM ai_audit_logs WHERE confidence = (SELECT max(confidence) FROM ai_audit_logs) ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE override_reason NOT IN (SELECT override_reason FROM ai_audit_logs)
SELECT count(*) FROM ai_audit_logs a WHERE NOT EXISTS (SELECT 1 FROM ai_audit_logs b WHERE b.leaf_index = a.leaf_index + 1)
SELECT count(*) FROM ai_audit_logs WHERE confidence > ANY (SELECT confidence FROM ai_audit_logs WHERE overridden)
SELECT count(*) FROM ai_audit_logs WHERE confidence >= ALL (SELECT confidence FROM ai_audit_logs WHERE confidence IS NOT NULL)
-- missing: subquery
SELECT a.leaf_index, (SELECT count(*) FROM ai_audit_logs b WHERE b.model_version = a.model_version AND b.leaf_index < a.leaf_index) FROM ai_audit_logs a ORDER BY 1 LIMIT 5
SELECT (SELECT leaf_index FROM ai_audit_logs)
SELECT (SELECT leaf_index FROM ai_audit_logs WHERE leaf_index < 0)
WITH a AS (SELECT model_version v, count(*) n FROM ai_audit_logs GROUP BY 1), b AS (SELECT max(n) m FROM a) SELECT v FROM a, b WHERE n = m ORDER BY 1
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n, sum(n) OVER (ORDER BY n) FROM r ORDER BY n
WITH RECURSIVE t(d) AS (SELECT date '2026-11-01' UNION ALL SELECT d + 1 FROM t WHERE d < '2026-11-04') SELECT d FROM t ORDER BY d
WITH a(x, y) AS (VALUES (1, 'p'), (2, 'q')) SELECT y FROM a WHERE x = 2
WITH f AS (SELECT explanation e FROM ai_audit_logs) SELECT count(*) FROM f WHERE e->'top_features'->0->>'feature' = 'age'
SELECT model_version FROM ai_audit_logs WHERE leaf_index < 3 UNION ALL SELECT model_version FROM ai_audit_logs WHERE leaf_index < 2 ORDER BY 1
SELECT model_version FROM ai_audit_logs INTERSECT SELECT '1.0' ORDER BY 1
SELECT model_version FROM ai_audit_logs EXCEPT SELECT '1.0' ORDER BY 1
-- missing: EXCEPT ALL
SELECT model_version FROM ai_audit_logs WHERE leaf_index < 6 EXCEPT ALL SELECT '1.0' ORDER BY 1
-- missing: INTERSECT ALL
SELECT model_version FROM ai_audit_logs WHERE leaf_index < 6 INTERSECT ALL SELECT model_version FROM ai_audit_logs WHERE leaf_index < 3 ORDER BY 1
(SELECT leaf_index FROM ai_audit_logs ORDER BY 1 LIMIT 2) UNION ALL (SELECT leaf_index FROM ai_audit_logs ORDER BY 1 DESC LIMIT 1) ORDER BY 1
SELECT 1 UNION SELECT 1.0 UNION SELECT 2 ORDER BY 1
-- differs: what PostgreSQL refuses
SELECT 1 UNION SELECT 'a'
SELECT NULL UNION SELECT NULL
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a LEFT JOIN ai_audit_logs b ON b.leaf_index = a.leaf_index + 1 AND b.overridden ORDER BY 1 LIMIT 20
SELECT count(*) FROM ai_audit_logs a FULL JOIN (SELECT leaf_index FROM ai_audit_logs WHERE leaf_index < 10) b ON a.leaf_index = b.leaf_index + 595
SELECT count(*) FROM ai_audit_logs a RIGHT JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 1 WHERE a.leaf_index IS NULL
SELECT count(*) FROM ai_audit_logs a NATURAL JOIN (SELECT leaf_index FROM ai_audit_logs WHERE leaf_index < 5) b
SELECT count(*) FROM ai_audit_logs a CROSS JOIN (VALUES (1), (2)) v
SELECT count(*) FROM ai_audit_logs a JOIN ai_audit_logs b ON a.override_reason = b.override_reason
SELECT count(*) FROM ai_audit_logs a JOIN ai_audit_logs b ON a.override_reason IS NOT DISTINCT FROM b.override_reason WHERE a.leaf_index < 3
SELECT CASE model_version WHEN '1.0' THEN 'one' WHEN '2.3.0' THEN 'two' END c, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT CASE WHEN 1 = 1 THEN 1 ELSE 1 / 0 END
SELECT CASE WHEN NULL THEN 1 ELSE 2 END, CASE WHEN false THEN 1 END
SELECT count(*) FROM ai_audit_logs WHERE confidence <> 0.5 OR confidence IS NULL
SELECT count(*) FROM ai_audit_logs WHERE NOT (confidence > 0.9)
SELECT count(*) FROM ai_audit_logs WHERE (overridden AND confidence > 0.5) IS UNKNOWN
SELECT count(*) FROM ai_audit_logs WHERE overridden IS NOT TRUE
SELECT count(*) FROM ai_audit_logs WHERE (model_version, overridden) IN (('1.0', true), ('2.3.0', false))
SELECT count(*) FROM ai_audit_logs WHERE (model_version, overridden) = ('1.0', true)
SELECT count(*) FROM ai_audit_logs WHERE (leaf_index, model_version) < (10, '2')
SELECT count(*) FROM ai_audit_logs WHERE leaf_index = ANY (ARRAY[1, 2, 3]) AND NOT leaf_index = ALL (ARRAY[1])
SELECT count(*) FROM ai_audit_logs WHERE leaf_index = '5'
SELECT count(*) FROM ai_audit_logs WHERE model_version = 1
SELECT count(*) FROM ai_audit_logs WHERE confidence > '0.9'
SELECT count(*) FROM ai_audit_logs WHERE overridden = 'true'
SELECT count(*) FROM ai_audit_logs WHERE overridden = 1
SELECT count(*) FROM ai_audit_logs WHERE timestamp > 5
SELECT count(*) FROM ai_audit_logs WHERE model_version
SELECT array[1,2] @> array[1], array[1] <@ array[1,2], array[1,2] && array[2,3], array[1,2] = array[1,2], array[1,2] < array[1,3], 2 = ANY (array[1,2])
SELECT '{1,2,3}'::int[], '{a,"b c",NULL}'::text[], array[1,NULL], array['a"b', 'c,d', ''], array[true,false], array[[1,2],[3,4]]
-- missing: trim_array
SELECT cardinality(array[1,2,3]), array_lower(array[1], 1), array_upper(array[1,2], 1), array_to_string(array[1,2], '-'), trim_array(array[1,2,3], 1)
SELECT ROW(1, 'a') = ROW(1, 'a'), ROW(1, NULL) IS NULL, ROW(1, 2) < ROW(1, 3)
SELECT leaf_index FROM ai_audit_logs TABLESAMPLE SYSTEM (100) ORDER BY 1 LIMIT 2
SELECT 1 WHERE NULL
-- differs: what PostgreSQL refuses
SELECT 'a' = 'a' = true
-- missing: num_nulls
SELECT num_nulls(1, NULL, 2), num_nonnulls(1, NULL)
SELECT leaf_index FROM ai_audit_logs FOR UPDATE
-- missing: current_setting
SELECT current_setting('TimeZone'), current_database() IS NOT NULL, version() LIKE 'PostgreSQL 15%'
SELECT format('%s-%s', model_id, model_version), input_features->>'nothing' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT (array[1,2,3])[2], (array['a','b'])[1], (array[1,2,3])[2:3], (array[1])[5], array_position(array['a','b'], 'b'), array_length(array[]::int[], 1), array_ndims(array[1])
SELECT array_append(array[1], 2), array_prepend(0, array[1]), array_cat(array[1], array[2]), array_remove(array[1,2,1], 1), array_replace(array[1,2], 2, 3)
SELECT cardinality(array[1,2,3]), array_lower(array[1], 1), array_upper(array[1,2], 1), array_to_string(array[1,2], '-'), array_length(array[[1,2],[3,4]], 2), cardinality(array[[1,2],[3,4]])
SELECT count(*) FROM ai_audit_logs WHERE confidence IN (SELECT confidence FROM ai_audit_logs WHERE overridden)
SELECT count(*) FROM ai_audit_logs WHERE confidence < ALL (SELECT confidence FROM ai_audit_logs WHERE leaf_index < 3)
SELECT count(*) FROM ai_audit_logs WHERE NOT (confidence = ANY (SELECT confidence FROM ai_audit_logs WHERE leaf_index BETWEEN 1 AND 3))
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a RIGHT JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 1 ORDER BY a.leaf_index DESC, b.leaf_index LIMIT 3
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a LEFT JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 590 ORDER BY b.leaf_index, a.leaf_index LIMIT 15
SELECT a.confidence, b.confidence FROM ai_audit_logs a JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 1 WHERE a.confidence < 0.6 AND b.confidence > 0.9 ORDER BY b.leaf_index
SELECT max(a.leaf_index), min(b.leaf_index), max(b.leaf_index) FROM ai_audit_logs a LEFT JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 590
SELECT count(*) FROM ai_audit_logs WHERE timestamp::time < '06:00' AND timestamp::time >= '01:00'
SELECT count(*) FROM ai_audit_logs WHERE input_features->>'age' > '30' AND (input_features->>'age')::int > 30
SELECT count(*) FROM ai_audit_logs WHERE (input_features->>'ratio')::float8 BETWEEN -1 AND 1.5
SELECT count(*) FROM ai_audit_logs WHERE (input_features->'applicant'->>'children')::int IN (1, 2)
SELECT count(*) FROM ai_audit_logs WHERE input_features->>'ratio' = '-10' OR input_features->>'ratio' = '0.125'
SELECT count(*) FROM ai_audit_logs WHERE (input_features->>'age')::numeric / 2 > 20
SELECT count(*) FROM ai_audit_logs WHERE leaf_index::text LIKE '1%'
SELECT count(*) FROM ai_audit_logs WHERE model_version::text >= '2.3' AND confidence::text < '0.6'
SELECT count(*) FROM ai_audit_logs WHERE confidence::numeric(3,1) = 0.5
SELECT count(*) FROM ai_audit_logs WHERE confidence::int = 1
-- differs: what PostgreSQL refuses
SELECT count(*) FROM ai_audit_logs WHERE leaf_index::boolean
SELECT count(*) FROM ai_audit_logs WHERE leaf_index::int::boolean
SELECT count(*) FROM ai_audit_logs WHERE extract(dow FROM timestamp) IN (0, 6)
SELECT count(*) FROM ai_audit_logs WHERE date_trunc('month', timestamp) = '2026-05-01'
SELECT count(*) FROM ai_audit_logs WHERE timestamp AT TIME ZONE 'Asia/Tokyo' >= '2026-05-01' AND timestamp AT TIME ZONE 'Asia/Tokyo' < '2026-05-02'
SELECT count(*) FROM ai_audit_logs WHERE timestamp::text LIKE '2026-05%'
SELECT count(*) FROM ai_audit_logs WHERE left(user_id, 7) = 'sub_01a' OR user_id > 'sub_01a8'
SELECT count(*) FROM ai_audit_logs WHERE override_reason IS NULL AND overridden
SELECT override_reason, count(*) FROM ai_audit_logs WHERE overridden GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE human_decision = '"reject"'
SELECT count(*) FROM ai_audit_logs WHERE human_decision->>'approved' = 'true'
SELECT count(*) FROM ai_audit_logs WHERE metadata IS NOT NULL AND metadata->>'channel' <> 'web'
SELECT count(*) FROM ai_audit_logs WHERE NOT (metadata->>'channel' = 'web')
SELECT min(input_features->>'age'), max(input_features->>'age'), min((input_features->>'age')::int), max((input_features->>'ratio')::numeric) FROM ai_audit_logs
SELECT min(timestamp), max(leaf_index), min(model_version || 'x'), max(length(user_id)) FROM ai_audit_logs
SELECT model_version, min(timestamp)::date, max(confidence) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT leaf_index FROM ai_audit_logs ORDER BY timestamp::time, leaf_index LIMIT 5
SELECT leaf_index FROM ai_audit_logs ORDER BY input_features->>'age' DESC, leaf_index LIMIT 5
SELECT leaf_index, input_features->'age' FROM ai_audit_logs ORDER BY (input_features->>'age')::int DESC, leaf_index LIMIT 5
SELECT a.leaf_index FROM ai_audit_logs a JOIN ai_audit_logs b ON a.input_features->>'age' = b.input_features->>'age' AND a.leaf_index < b.leaf_index ORDER BY a.leaf_index, b.leaf_index LIMIT 5
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a LEFT JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index AND b.confidence > 0.9 WHERE b.leaf_index IS NULL ORDER BY 1 LIMIT 5
SELECT count(*) FROM (SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 10) a FULL JOIN (SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 20) b USING (leaf_index) WHERE a.leaf_index IS NULL
SELECT t.leaf_index, count(*) OVER () FROM (SELECT * FROM ai_audit_logs WHERE confidence > 0.95) t ORDER BY 1 LIMIT 3
SELECT x.v, y.v FROM (SELECT DISTINCT model_version v FROM ai_audit_logs) x LEFT JOIN (SELECT DISTINCT model_version v FROM ai_audit_logs WHERE model_version <> '1.0') y ON x.v = y.v ORDER BY x.v
