-- Approval by group. Expected: white 1527 of 1681, black 133 of 197, hispanic 85 of 111.
SELECT
  CASE
    WHEN input_features->>'white' = '1' THEN 'white'
    WHEN input_features->>'black' = '1' THEN 'black'
    WHEN input_features->>'hispan' = '1' THEN 'hispanic'
  END AS applicant_group,
  SUM(CASE WHEN prediction->>'approved' = 'true' THEN 1 ELSE 0 END) AS approvals,
  COUNT(*) AS total_decisions,
  AVG(CASE WHEN prediction->>'approved' = 'true' THEN 1.0 ELSE 0.0 END) AS approval_rate
FROM ai_audit_logs
WHERE model_id = 'mortgage_underwriting'
GROUP BY applicant_group
ORDER BY total_decisions DESC;
