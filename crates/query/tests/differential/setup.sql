-- PostgreSQL's own reading of the records, with the columns that onrecord's table has, in their order.
CREATE VIEW latest AS
SELECT DISTINCT ON (record->>'decision_id') record->>'decision_id' AS decision_id, record
FROM entries WHERE record->>'kind' = 'review' ORDER BY 1, leaf_index DESC;

CREATE VIEW latest_outcome AS
SELECT DISTINCT ON (record->>'decision_id') record->>'decision_id' AS decision_id, record
FROM entries WHERE record->>'kind' = 'outcome' ORDER BY 1, leaf_index DESC;

CREATE TABLE ai_audit_logs AS
SELECT r->>'event_id' AS event_id,
    (r->>'timestamp')::timestamptz AS timestamp,
    r->>'model_id' AS model_id,
    r->>'model_version' AS model_version,
    r->>'user_id' AS user_id,
    r->>'system_actor' AS system_actor,
    r->'input_features' AS input_features,
    r->>'input_hash' AS input_hash,
    r->'prediction' AS prediction,
    (r->>'confidence')::float8 AS confidence,
    r->'explanation' AS explanation,
    l.record IS NOT NULL OR (r->>'human_reviewed')::boolean AS human_reviewed,
    CASE WHEN l.record IS NULL THEN r->'human_decision' ELSE l.record->'human_decision' END AS human_decision,
    CASE WHEN l.record IS NULL THEN (r->>'overridden')::boolean ELSE (l.record->>'overridden')::boolean END AS overridden,
    CASE WHEN l.record IS NULL THEN r->>'override_reason' ELSE l.record->>'override_reason' END AS override_reason,
    (r->>'processing_time_ms')::float8 AS processing_time_ms,
    r->>'environment' AS environment,
    r->>'request_id' AS request_id,
    (r->>'data_retention_days')::bigint AS data_retention_days,
    (r->>'consent_given')::boolean AS consent_given,
    r->>'decision_id' AS decision_id,
    (r->>'recorded_at')::timestamptz AS recorded_at,
    r->>'model_type' AS model_type,
    r->'alternative_predictions' AS alternative_predictions,
    r->>'session_id' AS session_id,
    r->>'data_retention_policy' AS data_retention_policy,
    r->'metadata' AS metadata,
    r->>'timestamp_sent' AS timestamp_sent,
    leaf_index, 'local'::text AS tier,
    o.record->'outcome' AS latest_outcome
FROM (SELECT leaf_index, record AS r FROM entries WHERE record->>'kind' = 'decision') AS d
LEFT JOIN latest l ON l.decision_id = r->>'decision_id'
LEFT JOIN latest_outcome o ON o.decision_id = r->>'decision_id'
ORDER BY leaf_index;
