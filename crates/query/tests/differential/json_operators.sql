SELECT leaf_index, input_features->'applicant' FROM ai_audit_logs ORDER BY leaf_index LIMIT 20
SELECT leaf_index, input_features->>'applicant' FROM ai_audit_logs ORDER BY leaf_index LIMIT 20
SELECT leaf_index, input_features::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 20
SELECT input_features->'tags'->>-1, input_features->'tags'->-1, input_features->'tags'->5, input_features->'tags'->>0 FROM ai_audit_logs ORDER BY leaf_index LIMIT 8
SELECT input_features->0, input_features->'tags'->'0' FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT input_features#>'{tags,0}', input_features#>>'{tags,-1}', input_features#>'{tags,9}', input_features#>>'{}' FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT '{"a":{"0":"x","1":["y","z"]}}'::jsonb #>> '{a,0}', '{"a":{"0":"x","1":["y","z"]}}'::jsonb #>> '{a,1,1}', '{"a":{"0":"x"}}'::jsonb #> '{a,1}'
SELECT input_features #>> ARRAY['applicant','address','city'] FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT leaf_index, input_features->'mixed', input_features->>'mixed', jsonb_typeof(input_features->'mixed') FROM ai_audit_logs ORDER BY leaf_index LIMIT 12
SELECT count(*) FROM ai_audit_logs WHERE input_features->'mixed' IS NULL
SELECT count(*) FROM ai_audit_logs WHERE input_features->>'mixed' IS NULL
SELECT count(*) FROM ai_audit_logs WHERE input_features->'mixed' = 'null'
SELECT count(*) FROM ai_audit_logs WHERE input_features @> '{"gender": "female"}'
SELECT count(*) FROM ai_audit_logs WHERE input_features @> '{"applicant": {"address": {"city": "Paris"}}}'
SELECT count(*) FROM ai_audit_logs WHERE input_features @> '{"tags": ["t1"]}'
SELECT count(*) FROM ai_audit_logs WHERE input_features->'tags' @> '"t1"'
SELECT count(*) FROM ai_audit_logs WHERE '{"gender": "male", "age": 30.0}' <@ input_features
SELECT count(*) FROM ai_audit_logs WHERE explanation @> '{"top_features": [{"feature": "age"}]}'
SELECT count(*) FROM ai_audit_logs WHERE input_features ? 'purpose'
SELECT count(*) FROM ai_audit_logs WHERE input_features->'tags' ? 't2'
SELECT count(*) FROM ai_audit_logs WHERE input_features ?| array['purpose','nothing']
SELECT count(*) FROM ai_audit_logs WHERE input_features ?& array['purpose','gender']
SELECT count(*) FROM ai_audit_logs WHERE input_features ?| '{purpose,zip}'
SELECT '[1,2,[3,4]]'::jsonb @> '[2]', '[1,2,[3,4]]'::jsonb @> '[3]', '[1,2]'::jsonb @> '1', '1'::jsonb @> '[1]', '{"a":1}'::jsonb @> '{}', '[1,1]'::jsonb <@ '[1]', '{"a":[1]}'::jsonb @> '{"a":1}'
SELECT '{"a":1}'::jsonb ? 'a', '"a"'::jsonb ? 'a', '["a","b"]'::jsonb ? 'b', '[1]'::jsonb ? '1', '[]'::jsonb ?& array[]::text[]
SELECT '1'::jsonb = '1.0'::jsonb, '{"a":1,"b":2}'::jsonb = '{"b":2,"a":1}', '[1,2]'::jsonb < '[1,3]', '"a"'::jsonb < '1', 'null'::jsonb < '"a"', 'true'::jsonb > 'false'
SELECT '{"b":1, "a" : [1.50, 2e2], "a": 3}'::jsonb
-- differs: zeros at the end of a `numeric`
SELECT '[1.50]'::jsonb
SELECT (input_features - 'applicant') - 'email' FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT input_features - array['applicant','email','gender'] FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT input_features->'tags' - 't0', input_features->'tags' - 0, input_features->'tags' - -1 FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT input_features #- '{applicant,address}' FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT '["a","b"]'::jsonb #- '{0}', '{"a":{"b":1,"c":2}}'::jsonb #- '{a,b}', '{"a":1}'::jsonb #- '{x,y}'
SELECT prediction || '{"extra": true}' FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT prediction || metadata FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT '[1]'::jsonb || '2', '[1]'::jsonb || '[2,3]', '{"a":1}'::jsonb || '{"a":2}', '1'::jsonb || '2'
SELECT '{"a":1}'::jsonb || '1'
SELECT '1'::jsonb - 'a'
SELECT '{"a":1}'::jsonb - 1
SELECT explanation->'top_features'->0 FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT input_features->'applicant'->'address'->>'city', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT input_features->'ratio', input_features->>'ratio' FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT input_features->'ratio' FROM ai_audit_logs ORDER BY input_features->'ratio' DESC LIMIT 3
SELECT DISTINCT input_features->'mixed' FROM ai_audit_logs ORDER BY 1
SELECT input_features->'mixed', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs WHERE input_features->'age' BETWEEN '30' AND '40'
SELECT count(*) FROM ai_audit_logs WHERE input_features->'gender' IN ('"female"', '"male"')
SELECT count(*) FROM ai_audit_logs WHERE input_features->'age' > '30' AND input_features->'age' <= '40.0'
SELECT count(*) FROM ai_audit_logs WHERE CASE WHEN overridden THEN input_features->'age' ELSE input_features->'income' END > '30000'
SELECT count(*) FROM ai_audit_logs WHERE COALESCE(metadata, '{"channel":"none"}') = '{"channel": "none"}'
SELECT COALESCE(metadata->'channel', '"none"'), count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT CASE WHEN leaf_index < 3 THEN '{"z":1, "a":2}' ELSE metadata END FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT NULLIF(metadata->'channel', '"web"') FROM ai_audit_logs ORDER BY leaf_index LIMIT 9
SELECT to_jsonb(confidence) > '0.9', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT x FROM (VALUES ('10'::jsonb), ('9'), ('"a"'), ('[1]')) t(x) ORDER BY x
SELECT max(x::text) FROM (SELECT metadata x FROM ai_audit_logs) t
SELECT max(metadata) FROM ai_audit_logs
SELECT 'x' || metadata::text, concat('x', metadata, 1), concat_ws('-', metadata, 'y') FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT (input_features->'age')::int + 1, (input_features->'ratio')::numeric, (prediction->'approved')::boolean FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT (input_features->>'gender')::int FROM ai_audit_logs
SELECT '{"a":'::jsonb
SELECT ('{"n": 123456789012345678901234567890}'::jsonb)->'n', ('{"n": 1e25}'::jsonb)->>'n', ('{"n": 0.000001}'::jsonb)->>'n'
SELECT '{"a":{"b":null}}'::jsonb->'a'->'b', '{"a":{"b":null}}'::jsonb->'a'->>'b', '{"a":null}'::jsonb->'a'->'b'
SELECT f.explanation->'top_features'->0->>'feature', count(*) FROM (SELECT explanation FROM ai_audit_logs WHERE confidence > 0.7 ORDER BY leaf_index LIMIT 100) f GROUP BY 1 ORDER BY 1
SELECT a.metadata = b.metadata, count(*) FROM ai_audit_logs a JOIN ai_audit_logs b ON a.leaf_index = b.leaf_index + 1 GROUP BY 1 ORDER BY 1
SELECT count(*) FROM ai_audit_logs a JOIN ai_audit_logs b ON a.metadata = b.metadata
SELECT count(DISTINCT metadata), count(DISTINCT input_features->'mixed') FROM ai_audit_logs
SELECT metadata FROM ai_audit_logs UNION SELECT '{"host":"x"}'::jsonb ORDER BY 1 LIMIT 4
SELECT x > '9' FROM (SELECT input_features->'age' x FROM ai_audit_logs ORDER BY leaf_index LIMIT 5) t
WITH t AS (SELECT metadata m, leaf_index FROM ai_audit_logs) SELECT m->>'channel', m FROM t ORDER BY leaf_index LIMIT 3
SELECT row_number() OVER (ORDER BY input_features->'ratio'), input_features->'ratio' FROM ai_audit_logs ORDER BY 1 LIMIT 3
SELECT leaf_index FROM ai_audit_logs WHERE metadata IS NULL ORDER BY 1 LIMIT 3
SELECT leaf_index, human_decision, human_decision->>'approved', human_decision#>>'{}' FROM ai_audit_logs WHERE human_reviewed ORDER BY 1 LIMIT 30
-- differs: lists of documents
SELECT array_agg(metadata ORDER BY leaf_index) FROM ai_audit_logs WHERE leaf_index < 4
SELECT length(metadata::text), metadata::text LIKE '%"channel": "web"%' FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT input_features->'tags' = '[]', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT input_features->NULL FROM ai_audit_logs LIMIT 1
SELECT '"\u00e9\ud83d\ude00\n"'::jsonb, '"\u00e9\ud83d\ude00\n"'::jsonb #>> '{}'
SELECT to_jsonb(timestamp)#>>'{}', model_id FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
SELECT e->'top_features'->0->>'feature' FROM (SELECT explanation e, row_number() OVER (ORDER BY leaf_index) n FROM ai_audit_logs) t WHERE n < 4 ORDER BY n
SELECT decision_id, latest_outcome, latest_outcome->>'repaid', latest_outcome->'days', latest_outcome #>> '{}' FROM ai_audit_logs ORDER BY leaf_index LIMIT 40
SELECT latest_outcome->>'repaid' AS repaid, count(*), count(latest_outcome), avg((latest_outcome->>'days')::int) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT leaf_index FROM ai_audit_logs WHERE latest_outcome->>'repaid' = 'true' AND confidence > 0.5 ORDER BY leaf_index
SELECT count(*) FROM ai_audit_logs WHERE latest_outcome IS NULL AND NOT overridden
