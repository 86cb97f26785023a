SELECT f->>'feature' AS feature, count(*) FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') AS f GROUP BY 1 ORDER BY 1
SELECT f.value->>'feature', round(avg((f.value->>'importance')::numeric), 6) FROM ai_audit_logs a, jsonb_array_elements(a.explanation->'top_features') f GROUP BY 1 ORDER BY 1
SELECT f FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') AS f WHERE leaf_index = 2 ORDER BY 1
SELECT value FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') WHERE leaf_index = 2 ORDER BY 1
SELECT x.f->>'feature' FROM ai_audit_logs CROSS JOIN LATERAL jsonb_array_elements(explanation->'top_features') AS x(f) WHERE leaf_index < 3 ORDER BY 1
SELECT key, count(*) FROM ai_audit_logs, jsonb_object_keys(input_features) AS key GROUP BY 1 ORDER BY 1
SELECT e.key, e.value FROM ai_audit_logs CROSS JOIN LATERAL jsonb_each_text(input_features) AS e(key, value) WHERE leaf_index < 3 ORDER BY leaf_index, 1
SELECT key, value, jsonb_typeof(value) FROM ai_audit_logs, jsonb_each(input_features) WHERE leaf_index < 6 ORDER BY leaf_index, key
SELECT e.k, count(*) FROM ai_audit_logs, jsonb_each(metadata) AS e(k, v) WHERE e.v <> '"web"' GROUP BY 1 ORDER BY 1
SELECT leaf_index, t FROM ai_audit_logs, jsonb_array_elements_text(input_features->'tags') AS t WHERE leaf_index < 9 ORDER BY 1, 2
SELECT leaf_index, t FROM ai_audit_logs LEFT JOIN LATERAL jsonb_array_elements_text(input_features->'tags') AS t ON true WHERE leaf_index < 9 ORDER BY 1, 2
SELECT leaf_index, t.elem, t.n FROM ai_audit_logs, jsonb_array_elements_text(input_features->'tags') WITH ORDINALITY AS t(elem, n) WHERE leaf_index < 9 ORDER BY 1, 3
SELECT leaf_index, f->>'feature' FROM ai_audit_logs JOIN LATERAL jsonb_array_elements(explanation->'top_features') f ON (f->>'importance')::float > 0.35 WHERE leaf_index < 50 ORDER BY 1, 2
SELECT a.leaf_index, k FROM ai_audit_logs a, jsonb_array_elements(a.explanation->'top_features') f, jsonb_object_keys(f) k WHERE a.leaf_index < 3 ORDER BY 1, 2
SELECT count(*) FROM ai_audit_logs, jsonb_array_elements(explanation->'top_features') f WHERE f->>'feature' = 'age' AND confidence > 0.7
-- missing: leaf_index
SELECT jsonb_array_elements(input_features->'tags') FROM ai_audit_logs WHERE leaf_index < 5 ORDER BY leaf_index, 1
SELECT leaf_index, jsonb_array_elements_text(input_features->'tags') tag FROM ai_audit_logs WHERE leaf_index < 5 ORDER BY 1, 2
SELECT DISTINCT jsonb_object_keys(input_features) FROM ai_audit_logs ORDER BY 1
SELECT jsonb_array_elements(explanation->'top_features')->>'feature' FROM ai_audit_logs WHERE leaf_index = 1 ORDER BY 1
SELECT jsonb_object_keys(metadata), count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT tag, count(*) FROM (SELECT jsonb_array_elements_text(input_features->'tags') tag FROM ai_audit_logs) t GROUP BY 1 ORDER BY 1
SELECT * FROM jsonb_array_elements('[1,"a",null]')
SELECT * FROM jsonb_each('{"a":1,"b":{"c":2}}') ORDER BY 1
SELECT * FROM jsonb_each_text('{"a":null,"b":"x"}') ORDER BY 1
SELECT * FROM jsonb_object_keys('{"bb":1,"a":2}') k
SELECT jsonb_array_elements('{"a":1}')
SELECT jsonb_object_keys('[1]')
SELECT * FROM jsonb_each('[1]')
SELECT * FROM jsonb_array_elements(NULL)
SELECT * FROM generate_series(1, 5, 2)
SELECT g, g * 2 FROM generate_series(1,3) AS g ORDER BY 1
SELECT * FROM generate_series(5, 1, -2) AS t(n)
SELECT d FROM generate_series(timestamp '2026-03-28', timestamp '2026-03-30', interval '12 hours') d ORDER BY 1
SELECT d::date, count(a.leaf_index) FROM generate_series(timestamp '2026-04-01', timestamp '2026-04-05', interval '1 day') d LEFT JOIN ai_audit_logs a ON a.timestamp::date = d::date GROUP BY 1 ORDER BY 1
SELECT u FROM unnest(array['a','b']) u ORDER BY 1
SELECT * FROM unnest(array[1,2], array['x','y','z']) AS t(n, s) ORDER BY s
SELECT leaf_index, w FROM ai_audit_logs, unnest(string_to_array(model_version, '.')) w WHERE leaf_index < 3 ORDER BY 1, 2
SELECT leaf_index, w FROM ai_audit_logs, regexp_split_to_table(model_version, '\.') w WHERE leaf_index < 3 ORDER BY 1, 2
SELECT word FROM string_to_table('a b c', ' ') AS word ORDER BY 1
SELECT a.decision_id, l.n FROM ai_audit_logs a, LATERAL (SELECT count(*) n FROM ai_audit_logs b WHERE b.user_id = a.user_id) l ORDER BY a.leaf_index LIMIT 3
SELECT leaf_index, l.best FROM ai_audit_logs a, LATERAL (SELECT f->>'feature' AS best FROM jsonb_array_elements(a.explanation->'top_features') f) l WHERE leaf_index < 3 ORDER BY 1, 2
-- missing: subquery
SELECT count(*) FROM ai_audit_logs WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(explanation->'top_features') f WHERE f->>'feature' = 'age')
-- missing: subquery
SELECT leaf_index, (SELECT count(*) FROM jsonb_array_elements(explanation->'top_features') f WHERE (f->>'importance')::numeric > 0.2) FROM ai_audit_logs ORDER BY 1 LIMIT 5
-- missing: subquery
SELECT leaf_index FROM ai_audit_logs WHERE 'age' IN (SELECT f->>'feature' FROM jsonb_array_elements(explanation->'top_features') f) ORDER BY 1 LIMIT 5
-- missing: array
SELECT leaf_index, ARRAY(SELECT jsonb_array_elements_text(input_features->'tags')) FROM ai_audit_logs ORDER BY 1 LIMIT 4
SELECT a.leaf_index, b.leaf_index FROM ai_audit_logs a, jsonb_array_elements_text(a.input_features->'tags') t, ai_audit_logs b WHERE b.leaf_index = a.leaf_index AND t = 't2' ORDER BY 1 LIMIT 3
-- missing: jsonb_each
SELECT jsonb_each(metadata) FROM ai_audit_logs LIMIT 1
-- missing: ordinality
SELECT v, n FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(v, n) ORDER BY 2
