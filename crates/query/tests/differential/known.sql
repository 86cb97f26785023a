-- differs: `numeric` without a scale: quotients, averages, `x::numeric`
SELECT '0.1234567890123456789012345678'::numeric
-- differs: `power` of a `numeric` to a fraction; `exp`, `ln`, `log` of one
SELECT exp(1.5), ln(2.5)
-- differs: regular expressions
SELECT substring('foobar' from 'fo|foo')
-- differs: the order of a subquery's rows
SELECT jsonb_agg(model_version) FROM (SELECT DISTINCT model_version FROM ai_audit_logs ORDER BY 1) x
