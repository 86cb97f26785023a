SELECT confidence FROM ai_audit_logs ORDER BY confidence DESC LIMIT 3
SELECT confidence FROM ai_audit_logs ORDER BY confidence OFFSET 510 LIMIT 6
SELECT confidence, leaf_index FROM ai_audit_logs ORDER BY confidence NULLS FIRST, leaf_index LIMIT 3
SELECT confidence, leaf_index FROM ai_audit_logs ORDER BY confidence DESC NULLS LAST, leaf_index LIMIT 3
SELECT override_reason, leaf_index FROM ai_audit_logs ORDER BY override_reason, leaf_index LIMIT 3
SELECT override_reason, leaf_index FROM ai_audit_logs ORDER BY override_reason DESC, leaf_index LIMIT 3
SELECT model_version v, count(*) n FROM ai_audit_logs GROUP BY 1 ORDER BY n DESC, v DESC
SELECT input_features->>'purpose' p, round(100.0 * count(*) FILTER (WHERE prediction->>'approved'='true') / count(*), 1) FROM ai_audit_logs GROUP BY 1 ORDER BY 2 DESC, 1
SELECT leaf_index::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 12
SELECT leaf_index::text AS t FROM ai_audit_logs ORDER BY leaf_index LIMIT 12
SELECT leaf_index::text AS leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 12
SELECT confidence::numeric(3,2), confidence::real, confidence::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT model_version, leaf_index FROM ai_audit_logs ORDER BY 1 DESC, 2 ASC LIMIT 3
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index % 7, leaf_index DESC LIMIT 5
SELECT leaf_index a, -leaf_index b FROM ai_audit_logs ORDER BY b LIMIT 2
SELECT model_version FROM ai_audit_logs ORDER BY confidence DESC NULLS LAST, leaf_index LIMIT 3
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index OFFSET 3 ROWS FETCH FIRST 2 ROWS ONLY
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index FETCH FIRST ROW ONLY
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 0
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT ALL OFFSET 598
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT NULL OFFSET 598
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT -1
SELECT DISTINCT ON (model_version) model_version, leaf_index FROM ai_audit_logs ORDER BY model_version, leaf_index DESC
SELECT DISTINCT ON (input_features->>'gender') input_features->>'gender', leaf_index FROM ai_audit_logs ORDER BY input_features->>'gender', leaf_index
SELECT DISTINCT overridden, human_reviewed FROM ai_audit_logs ORDER BY 1, 2
SELECT x FROM (VALUES (true), (false), (NULL)) t(x) ORDER BY x
SELECT x FROM (VALUES ('NaN'::float8), ('Infinity'), (1), ('-Infinity'), (NULL)) t(x) ORDER BY x DESC
SELECT x FROM (VALUES ('b'), ('A'), ('a'), ('É'), (NULL), ('')) t(x) ORDER BY x
SELECT x FROM (VALUES (array[1,2]), (array[1]), (array[2])) t(x) ORDER BY x
SELECT leaf_index FROM ai_audit_logs ORDER BY CASE WHEN model_version = '1.0' THEN 0 ELSE 1 END, leaf_index LIMIT 3
SELECT leaf_index, timestamp FROM ai_audit_logs ORDER BY timestamp DESC LIMIT 2
SELECT count(*) FROM ai_audit_logs ORDER BY 1
SELECT model_version FROM ai_audit_logs ORDER BY count(*) LIMIT 1
SELECT leaf_index FROM ai_audit_logs ORDER BY 5
-- missing: USING
SELECT leaf_index FROM ai_audit_logs ORDER BY leaf_index USING >  LIMIT 2
-- missing: FETCH
SELECT leaf_index, model_version FROM ai_audit_logs WHERE leaf_index < 9 ORDER BY model_version FETCH FIRST 1 ROW WITH TIES
SELECT confidence::numeric(2,1), leaf_index FROM ai_audit_logs ORDER BY confidence * -1, leaf_index LIMIT 9
SELECT leaf_index::text FROM ai_audit_logs ORDER BY leaf_index + 0 LIMIT 12
SELECT -leaf_index AS leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
-- missing: ambiguous
SELECT -leaf_index AS leaf_index FROM ai_audit_logs ORDER BY leaf_index + 0 LIMIT 3
SELECT leaf_index % 3 AS leaf_index, count(*) FROM ai_audit_logs WHERE leaf_index < 5 GROUP BY leaf_index ORDER BY 1, 2
SELECT DISTINCT confidence::int FROM ai_audit_logs ORDER BY confidence
SELECT model_version::text, count(*) FROM ai_audit_logs GROUP BY model_version ORDER BY model_version DESC
SELECT lower(model_version) FROM ai_audit_logs WHERE leaf_index < 3 ORDER BY lower
SELECT max(leaf_index) FROM ai_audit_logs GROUP BY model_version ORDER BY max(leaf_index) DESC
SELECT count(*) FROM ai_audit_logs GROUP BY model_version HAVING count(*) > 5 ORDER BY count
-- missing: ambiguous
SELECT t.confidence::int AS confidence FROM (SELECT confidence, leaf_index FROM ai_audit_logs WHERE leaf_index < 6) t ORDER BY confidence * 1, t.leaf_index
SELECT model_version::text, count(*) FROM ai_audit_logs GROUP BY model_version ORDER BY length(model_version), count(*) DESC
-- missing: ambiguous
SELECT upper(model_version) AS model_version, count(*) FROM ai_audit_logs GROUP BY model_version ORDER BY model_version || 'x'
SELECT row_number() OVER (ORDER BY leaf_index DESC) AS leaf_index FROM ai_audit_logs ORDER BY leaf_index LIMIT 2
