SELECT model_version, overridden, count(*), grouping(model_version), grouping(model_version, overridden) FROM ai_audit_logs GROUP BY ROLLUP(model_version, overridden) ORDER BY 1, 2, 4, 5
SELECT model_version, human_reviewed, count(*) FROM ai_audit_logs GROUP BY CUBE(model_version, human_reviewed) ORDER BY 1, 2, 3
SELECT model_version, overridden, sum(leaf_index) FROM ai_audit_logs GROUP BY GROUPING SETS ((model_version), (overridden), ()) ORDER BY 1, 2
SELECT input_features->>'gender' g, prediction->>'approved' a, count(*) FROM ai_audit_logs GROUP BY ROLLUP(1, 2) ORDER BY 1, 2, 3
SELECT input_features->'gender', count(*) FROM ai_audit_logs GROUP BY ROLLUP(input_features->'gender') ORDER BY 1, 2
SELECT model_version AS v, count(*) FROM ai_audit_logs GROUP BY v ORDER BY v
SELECT upper(model_version), count(*) FROM ai_audit_logs GROUP BY upper(model_version) ORDER BY 1
SELECT confidence IS NULL, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT metadata->>'channel', count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 2, 1
SELECT model_version FROM ai_audit_logs GROUP BY model_version, model_id ORDER BY model_version
-- missing: Empty tuple
SELECT count(*) FROM ai_audit_logs GROUP BY ()
SELECT model_id FROM ai_audit_logs GROUP BY model_version
SELECT model_version, count(*) FROM ai_audit_logs GROUP BY ROLLUP(model_version) HAVING grouping(model_version) = 1
SELECT date_trunc('month', timestamp) m, model_version, count(*) FROM ai_audit_logs GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 9
SELECT floor(confidence * 10) / 10, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT count(*) FROM (VALUES ('0'::float8), ('-0'::float8)) t(x) GROUP BY x
SELECT x, count(*) FROM (VALUES (1.0), (1.00), (2)) t(x) GROUP BY x ORDER BY x
