SELECT timestamp, timestamp::date, timestamp::time, timestamp::timestamp, timestamp::text FROM ai_audit_logs ORDER BY leaf_index LIMIT 6
SELECT date_trunc('year', timestamp), date_trunc('quarter', timestamp), date_trunc('month', timestamp), date_trunc('week', timestamp), date_trunc('day', timestamp), date_trunc('hour', timestamp), date_trunc('minute', timestamp), date_trunc('second', timestamp), date_trunc('millisecond', timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT date_trunc('day', timestamp, 'America/New_York'), date_trunc('day', timestamp, 'Asia/Kolkata'), date_trunc('month', timestamp, 'Europe/Berlin') FROM ai_audit_logs WHERE leaf_index BETWEEN 25 AND 50 ORDER BY leaf_index
SELECT date_trunc('day', timestamp AT TIME ZONE 'Europe/Berlin') AS day, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT date_trunc('hour', timestamp AT TIME ZONE 'America/New_York') h FROM ai_audit_logs ORDER BY leaf_index LIMIT 30
SELECT timestamp AT TIME ZONE 'Europe/London', timestamp AT TIME ZONE 'Asia/Kathmandu', timestamp AT TIME ZONE '+03', timestamp AT TIME ZONE 'EST', timestamp AT TIME ZONE INTERVAL '-05:00' FROM ai_audit_logs ORDER BY leaf_index LIMIT 3
SELECT timestamp '2026-03-29 02:30' AT TIME ZONE 'Europe/Berlin', timestamp '2026-10-25 02:30' AT TIME ZONE 'Europe/Berlin', timestamp '2026-03-08 02:30' AT TIME ZONE 'America/New_York'
SELECT timestamptz '2026-03-29 00:30Z' + interval '1 day', timestamptz '2026-03-29 00:30Z' + interval '24 hours', (timestamptz '2026-03-28 12:00+01' AT TIME ZONE 'Europe/Berlin') + interval '1 day'
SELECT extract(year FROM timestamp), extract(month FROM timestamp), extract(day FROM timestamp), extract(hour FROM timestamp), extract(minute FROM timestamp), extract(second FROM timestamp), extract(milliseconds FROM timestamp), extract(microseconds FROM timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT extract(dow FROM timestamp), extract(isodow FROM timestamp), extract(doy FROM timestamp), extract(week FROM timestamp), extract(isoyear FROM timestamp), extract(quarter FROM timestamp), extract(century FROM timestamp), extract(decade FROM timestamp), extract(epoch FROM timestamp), extract(timezone FROM timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT date_part('hour', timestamp), date_part('second', timestamp), date_part('epoch', timestamp) FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT extract(dow FROM date '2026-11-22'), extract(week FROM date '2027-01-03'), extract(isoyear FROM date '2027-01-03'), extract(epoch FROM date '2026-11-20'), extract(julian FROM date '2026-11-20')
SELECT extract(nothing FROM timestamp) FROM ai_audit_logs LIMIT 1
SELECT extract(epoch FROM interval '1 day 2 hours'), extract(day FROM interval '40 days 25 hours'), extract(hour FROM interval '40 days 25 hours'), extract(month FROM interval '14 months'), extract(year FROM interval '14 months')
SELECT date '2026-01-31' + interval '1 month', date '2026-03-31' - interval '1 month', date '2024-02-29' + interval '1 year', timestamp '2026-05-31 10:00' + interval '1 month 1 day'
SELECT date '2026-11-20' - date '2026-11-01', date '2026-11-20' + 5, date '2026-11-20' - 5, 5 + date '2026-11-20', date '2026-11-20' + time '10:00'
SELECT timestamp '2026-11-20 10:00' - timestamp '2026-11-18 09:30', timestamptz '2026-11-20 10:00Z' - timestamptz '2026-11-20 12:00Z', date '2026-11-20' - timestamp '2026-11-18 12:00'
SELECT time '10:00' - time '08:30', time '23:00' + interval '2 hours', time '10:00:00.5'
SELECT age(timestamp '2026-11-20', timestamp '2025-12-25'), age(timestamp '2026-03-01', timestamp '2026-02-28'), age(date '2026-01-01', date '2026-03-15')
SELECT age(max(timestamp), min(timestamp)), max(timestamp) - min(timestamp) FROM ai_audit_logs
SELECT max(timestamp), min(timestamp), max(timestamp::date), count(DISTINCT timestamp::date) FROM ai_audit_logs
SELECT to_char(timestamp, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(timestamp, 'Dy DD Mon YYYY HH12:MI AM'), to_char(timestamp, 'FMDay, FMDDth FMMonth'), to_char(timestamp, 'IYYY-"W"IW'), to_char(timestamp, 'Q DDD J'), to_char(timestamp, 'MS TZ OF') FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT to_date('20 Nov 2026', 'DD Mon YYYY'), to_date('2026-324', 'YYYY-DDD'), to_timestamp('2026-11-20 10:11:12.5', 'YYYY-MM-DD HH24:MI:SS.MS'), to_timestamp(0), to_timestamp(1763600000.5)
SELECT to_date('2026-13-01', 'YYYY-MM-DD')
SELECT to_date('garbage', 'YYYY-MM-DD')
SELECT '2026-11-20'::date, '20261120'::date, 'Nov 20, 2026'::date, '20-Nov-2026'::date, '11/20/2026'::date, 'epoch'::date
SELECT '2026-02-30'::date
SELECT '2026-11-20 25:00'::timestamp
SELECT '2026-11-20T10:00:00.123456789Z'::timestamptz, '2026-11-20 10:00:00.5+02:30'::timestamptz, '2026-11-20 10:00 America/New_York'::timestamptz, '2026-11-20'::timestamptz
SELECT '2026-11-20 10:00:00+05'::timestamp, timestamptz '2026-11-20 10:00:00+05'::date, timestamp '2026-11-20 10:00'::timestamptz
SELECT make_date(2026, 2, 3), make_time(10, 5, 6.5), make_timestamp(2026, 2, 3, 4, 5, 6.7), make_interval(days => 10, hours => 2), make_timestamptz(2026, 2, 3, 4, 5, 6, 'Europe/Berlin')
SELECT make_date(2026, 2, 30)
SELECT date_bin('15 minutes', timestamp, timestamptz '2026-01-01'), date_bin('1 day', timestamp, timestamptz '2026-01-01 06:00Z') FROM ai_audit_logs ORDER BY leaf_index LIMIT 5
SELECT timestamp > '2026-04-01', timestamp BETWEEN '2026-03-14' AND '2026-03-15', timestamp::date = '2026-03-14', timestamp = '2026-03-14T05:00:00Z' FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT count(*) FROM ai_audit_logs WHERE timestamp >= date '2026-04-01' AND timestamp < date '2026-04-01' + interval '1 month'
SELECT count(*) FROM ai_audit_logs WHERE timestamp >= '2026-06-01 00:00:00+02' AND timestamp < '2026-06-08 00:00:00+02'
SELECT count(*) FROM ai_audit_logs WHERE extract(hour FROM timestamp AT TIME ZONE 'America/New_York') BETWEEN 9 AND 17
SELECT count(*) FROM ai_audit_logs WHERE timestamp::time > '12:00'
SELECT count(*) FROM ai_audit_logs WHERE to_char(timestamp, 'YYYY-MM') = '2026-05'
SELECT to_char(timestamp, 'YYYY-MM') AS month, count(*) FROM ai_audit_logs GROUP BY 1 ORDER BY 1
SELECT isfinite(timestamp), isfinite(date '2026-11-20'), (date '2026-01-01', date '2026-06-01') OVERLAPS (date '2026-05-01', date '2026-07-01')
SELECT timestamptz '2026-11-20 10:00Z' = timestamp '2026-11-20 10:00', date '2026-11-20' = timestamp '2026-11-20 00:00', date '2026-11-20' < timestamptz '2026-11-20 00:00:01Z'
SELECT date '0044-03-15', date '10000-01-01', '0044-03-15 BC'::date, timestamp '12026-11-20 10:00'
-- differs: dates and times
SELECT 'infinity'::timestamp
SELECT now() - timestamp > interval '0', current_date - timestamp::date IS NOT NULL, pg_typeof(now())::text, pg_typeof(current_date)::text, pg_typeof(localtimestamp)::text FROM ai_audit_logs LIMIT 1
SELECT timestamp AT TIME ZONE 'Nowhere/Land' FROM ai_audit_logs LIMIT 1
SELECT lag(timestamp) OVER (ORDER BY leaf_index), timestamp - lag(timestamp) OVER (ORDER BY leaf_index) FROM ai_audit_logs ORDER BY leaf_index LIMIT 4
SELECT date_trunc('fortnight', timestamp) FROM ai_audit_logs LIMIT 1
SELECT date_trunc('hour', interval '3 days 02:47:33'), date_trunc('day', date '2026-11-20'), date_trunc('month', timestamp '2026-11-20 10:00')
SELECT to_char(interval '25 hours 3 minutes', 'HH24:MI'), to_char(date '2026-11-20', 'Day'), to_char(time '10:05', 'HH24')
SELECT date '2026-11-20'::timestamp, date '2026-11-20'::text, time '10:00'::text, timestamp '2026-11-20 10:00:00.100'::text, timestamptz '2026-11-20 10:00+02'::text
SELECT EXTRACT(EPOCH FROM (timestamptz '2026-11-20 10:00:00.25Z' - timestamptz '2026-11-20 09:00Z')), EXTRACT(DAY FROM timestamp '2026-11-20' - timestamp '2026-01-01')
-- missing: timestamp(3)
SELECT '2026-11-20 10:00:00.123456'::timestamp(3)
SELECT '2026-11-20 10:00:00.123456'::timestamp(6)
