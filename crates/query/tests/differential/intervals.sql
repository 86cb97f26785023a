SELECT interval '1 year 2 months 3 days 4 hours 5 minutes 6.7 seconds', interval '90 minutes', interval '-1 day', interval '1 day -2 hours', interval '100 days', interval '0'
SELECT interval '1' day, interval '5' minute, interval '2' year, interval '1.5 hours', interval '1 week', interval '1.5 months', interval '0.1 day'
SELECT interval 'P1Y2M3DT4H5M6S', interval '1-2', interval '3 4:05:06', interval '4:05', interval '@ 1 day ago', '1 mon'::interval
SELECT interval '1 day' + interval '25 hours', interval '1 month' - interval '1 day', interval '1 hour' * 2.5, interval '1 day' / 3, 3 * interval '20 minutes', - interval '1 day'
SELECT interval '1 day' = interval '24 hours', interval '1 month' = interval '30 days', interval '1 day' < interval '25 hours', interval '12 months' = interval '1 year'
SELECT justify_hours(interval '27 hours'), justify_days(interval '35 days'), justify_interval(interval '1 mon -1 hour')
SELECT i FROM (VALUES (interval '1 day'), (interval '2 hours'), (interval '1 month'), (interval '40 days')) t(i) ORDER BY i
SELECT interval 'garbage'
SELECT interval '1 day'::text, interval '1 year'::text || 'x', (interval '36 hours')::text, interval '-00:00:01.5'::text
SELECT sum(interval '1 hour' * leaf_index) FROM ai_audit_logs WHERE leaf_index < 5
SELECT interval '1 day' * confidence FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
-- differs: intervals in GROUP BY, DISTINCT and joins
SELECT count(DISTINCT i) FROM (VALUES (interval '1 day'), (interval '24 hours')) t(i)
-- missing: max of intervals
SELECT max(i) FROM (VALUES (interval '1 day'), (interval '2 hours')) t(i)
-- missing: avg of intervals
SELECT avg(i) FROM (VALUES (interval '1 day'), (interval '2 hours')) t(i)
-- differs: `to_char(interval, …)` with `J`, `IW`, `IYYY`, `IDDD`
SELECT to_char(interval '1 day', 'J')
