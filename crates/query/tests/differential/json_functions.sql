SELECT jsonb_typeof('1'), jsonb_typeof('"a"'), jsonb_typeof('null'), jsonb_typeof('[]'), jsonb_typeof('{}'), jsonb_typeof('true'), jsonb_typeof(NULL)
SELECT jsonb_array_length(explanation->'top_features') FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT jsonb_array_length('{"a":1}')
SELECT jsonb_array_length('1')
SELECT jsonb_build_object('id', leaf_index, 'c', confidence, 'm', metadata, 't', timestamp, 'b', overridden, 'n', NULL, 'l', array[1,2]) FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT jsonb_build_array(1, 'a', true, NULL, 1.5, metadata, date '2026-11-20') FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT jsonb_build_object(), jsonb_build_array(), jsonb_build_object('a', jsonb_build_object('b', 1))
SELECT jsonb_build_object('a')
SELECT jsonb_build_object(NULL, 1)
SELECT jsonb_build_object(1, 2, true, 3)
SELECT to_jsonb(leaf_index), to_jsonb(confidence), to_jsonb(model_id), to_jsonb(overridden), to_jsonb(timestamp), to_jsonb(metadata) FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT to_jsonb('x"y'::text), to_jsonb(array['a',NULL]), to_jsonb(1.5), to_jsonb(interval '1 day 02:00'), to_jsonb(date '2026-11-20'), to_jsonb(timestamp '2026-11-20 10:00:00.5'), to_jsonb(1e20::float8), to_jsonb('NaN'::float8)
SELECT jsonb_agg(leaf_index ORDER BY leaf_index DESC) FROM ai_audit_logs WHERE leaf_index < 5
SELECT model_version, jsonb_agg(metadata->>'channel' ORDER BY leaf_index) FROM ai_audit_logs WHERE leaf_index < 20 GROUP BY 1 ORDER BY 1
SELECT jsonb_agg(metadata ORDER BY leaf_index) FROM ai_audit_logs WHERE leaf_index < 4
SELECT jsonb_agg(DISTINCT model_version) FROM ai_audit_logs
SELECT jsonb_agg(DISTINCT metadata->'channel' ORDER BY metadata->'channel' DESC) FROM ai_audit_logs
SELECT jsonb_agg(leaf_index ORDER BY leaf_index) FILTER (WHERE leaf_index > 2) FROM ai_audit_logs WHERE leaf_index < 5
SELECT jsonb_agg(leaf_index) FROM ai_audit_logs WHERE leaf_index < 0
SELECT jsonb_agg(leaf_index) OVER (ORDER BY leaf_index) FROM ai_audit_logs WHERE leaf_index < 3 ORDER BY leaf_index
SELECT jsonb_object_agg(leaf_index, confidence) FROM ai_audit_logs WHERE leaf_index < 5
SELECT jsonb_object_agg(model_version, n) FROM (SELECT model_version, count(*) n FROM ai_audit_logs GROUP BY 1) t
SELECT jsonb_object_agg(NULL::text, 1)
SELECT jsonb_object_agg(metadata->>'channel', leaf_index ORDER BY leaf_index) FROM ai_audit_logs WHERE metadata IS NOT NULL
SELECT jsonb_strip_nulls('{"a":null,"b":[null,{"c":null}],"d":{"e":null}}'), jsonb_strip_nulls(input_features->'mixed') FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT jsonb_set(prediction, '{rate}', '1'), jsonb_set(prediction, '{new}', '"x"'), jsonb_set(prediction, '{new}', '"x"', false), jsonb_set(prediction, '{a,b}', '1') FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT jsonb_set('[0,1,2]', '{1}', '"x"'), jsonb_set('[0,1,2]', '{-1}', '"x"'), jsonb_set('[0,1,2]', '{9}', '"x"'), jsonb_set('[0]', '{-9}', '"x"'), jsonb_set('{"a":[{"b":1}]}', '{a,0,b}', '2')
SELECT jsonb_set('[0]', '{x}', '1')
SELECT jsonb_set('1', '{x}', '1')
SELECT jsonb_insert('[0,1]', '{1}', '"x"'), jsonb_insert('[0,1]', '{1}', '"x"', true), jsonb_insert('{"a":1}', '{b}', '2')
SELECT jsonb_insert('{"a":1}', '{a}', '2')
SELECT jsonb_pretty(prediction), jsonb_pretty('[]'), jsonb_pretty('{"a":[1,{"b":2}],"c":{}}') FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
SELECT jsonb_extract_path(input_features, 'applicant', 'address'), jsonb_extract_path_text(input_features, 'tags', '1'), jsonb_extract_path_text(input_features, 'applicant', 'address', 'city') FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT jsonb_object('{a,1,b,2}'), jsonb_object(array['x','y'], array['1',NULL])
SELECT jsonb_contains(input_features, '{"gender":"female"}'), jsonb_exists(input_features, 'purpose'), count(*) FROM ai_audit_logs GROUP BY 1, 2 ORDER BY 1, 2
SELECT to_jsonb(t) FROM (SELECT leaf_index, model_version AS v, metadata FROM ai_audit_logs ORDER BY leaf_index LIMIT 2) t
SELECT jsonb_agg(t ORDER BY t.leaf_index) FROM (SELECT leaf_index, confidence FROM ai_audit_logs WHERE leaf_index < 3) t
SELECT to_jsonb(a)->>'model_id' FROM ai_audit_logs a ORDER BY leaf_index LIMIT 1
WITH x AS (SELECT leaf_index i, overridden o FROM ai_audit_logs) SELECT to_jsonb(x) FROM x ORDER BY i LIMIT 2
-- differs: `json`
SELECT row_to_json(x) FROM (SELECT 1 a, 'b' b) x
-- differs: `json`
SELECT json_build_object('b', 1, 'a', 2)
-- differs: `json`
SELECT '{"b":1,  "a":2}'::json
SELECT json_build_object('b', 1, 'a', 2)::jsonb, to_json(1)::text, json_agg(1)::jsonb
-- missing: jsonb_path_query_first
SELECT jsonb_path_query_first(input_features, '$.age') FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
-- missing: jsonb_path_exists
SELECT jsonb_path_exists(input_features, '$.age ? (@ > 30)') FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
-- missing: @?
SELECT input_features @? '$.age' FROM ai_audit_logs ORDER BY leaf_index LIMIT 1
-- missing: jsonb_to_recordset
SELECT * FROM jsonb_to_recordset('[{"a":1}]') AS t(a int)
-- missing: jsonb_populate_record
SELECT jsonb_populate_record(NULL::ai_audit_logs, '{"model_id":"x"}')
SELECT jsonb_build_object('a', jsonb_agg(metadata ORDER BY leaf_index)) FROM ai_audit_logs WHERE leaf_index < 3
SELECT jsonb_build_object('t', coalesce(metadata, '{}'), 'c', CASE WHEN overridden THEN prediction ELSE 'null' END) FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT m, to_jsonb(m) FROM (SELECT metadata m FROM ai_audit_logs UNION ALL SELECT '{"b":1,"a":2}'::jsonb) t WHERE m ? 'a'
SELECT m->'channel' > '"a"', jsonb_typeof(m) FROM (SELECT metadata m, leaf_index FROM ai_audit_logs WHERE leaf_index < 3 UNION ALL SELECT metadata, leaf_index FROM ai_audit_logs WHERE leaf_index = 4) t ORDER BY leaf_index
SELECT x > '9' FROM (SELECT '10'::jsonb x UNION ALL SELECT '8') t ORDER BY 1
SELECT x FROM (SELECT '10'::jsonb x UNION SELECT '9') t ORDER BY x
WITH RECURSIVE r(d, n) AS (SELECT '10'::jsonb, 1 UNION ALL SELECT d, n + 1 FROM r WHERE n < 2) SELECT d > '9', d FROM r
SELECT max(d::text) FROM (SELECT DISTINCT metadata d FROM ai_audit_logs) t
SELECT first_value(metadata) OVER (ORDER BY leaf_index), to_jsonb(first_value(metadata) OVER (ORDER BY leaf_index)) FROM ai_audit_logs WHERE leaf_index BETWEEN 1 AND 2
SELECT (SELECT metadata FROM ai_audit_logs WHERE leaf_index = 1), to_jsonb((SELECT metadata FROM ai_audit_logs WHERE leaf_index = 1))
SELECT jsonb_build_object('l', lag(metadata) OVER (ORDER BY leaf_index)) FROM ai_audit_logs WHERE leaf_index < 4 ORDER BY leaf_index
