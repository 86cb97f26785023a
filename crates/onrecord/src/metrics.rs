//! What can be watched from outside, in the Prometheus text format. No name and no label holds anything of a record.

use crate::node::Node;
use axum::http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

const REQUESTS: &str = "onrecord_http_requests_total";
const REQUEST_SECONDS: &str = "onrecord_http_request_seconds";
const TREE_SIZE: &str = "onrecord_tree_size";
const SEALED_SIZE: &str = "onrecord_sealed_size";
const SEGMENTS: &str = "onrecord_segments";
const UNSEALED_FILES: &str = "onrecord_unsealed_files";
const ACCEPTED: &str = "onrecord_entries_accepted_total";
const REFUSED: &str = "onrecord_entries_refused_total";
const WRITABLE: &str = "onrecord_writable";

/// Bounds in seconds: from a group commit on a fast disk to a long report.
const SECONDS_BUCKETS: [f64; 13] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting. Once per process; later calls change nothing.
pub(crate) fn start() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Full(REQUEST_SECONDS.to_owned()), &SECONDS_BUCKETS);
        let recorder =
            builder.map_or_else(|_| PrometheusBuilder::new().build_recorder(), |builder| builder.build_recorder());
        let handle = recorder.handle();
        // A recorder that is there already belongs to this process too: its figures then simply stay where they are.
        let _ = metrics::set_global_recorder(recorder);
        describe_counter!(REQUESTS, "HTTP requests answered, by method, path and status");
        describe_histogram!(REQUEST_SECONDS, "Time to answer an HTTP request, by path");
        describe_gauge!(TREE_SIZE, "Entries in the ledger");
        describe_gauge!(SEALED_SIZE, "Entries sealed in segments");
        describe_gauge!(SEGMENTS, "Segment files");
        describe_gauge!(UNSEALED_FILES, "Closed write-ahead files that wait to be sealed");
        describe_counter!(ACCEPTED, "Entries acknowledged since the start");
        describe_counter!(REFUSED, "Entries refused since the start, by reason");
        describe_gauge!(WRITABLE, "1 while the ledger accepts entries, 0 while it refuses them");
        handle
    });
}

/// Counts one answered request.
pub(crate) fn request(method: &Method, path: &str, status: StatusCode, took: Duration) {
    // Anyone can invent methods, and each label value is kept for ever.
    let method = if matches!(method.as_str(), "GET" | "HEAD" | "POST" | "DELETE") { method.as_str() } else { "other" };
    let labels = [("method", method.to_owned()), ("path", path.to_owned()), ("status", status.as_u16().to_string())];
    counter!(REQUESTS, &labels).increment(1);
    histogram!(REQUEST_SECONDS, "path" => path.to_owned()).record(took.as_secs_f64());
}

/// Everything counted so far, and the state of `node` now.
pub(crate) fn render(node: &Node) -> String {
    let state = node.state();
    gauge!(TREE_SIZE).set(state.tree_size as f64);
    gauge!(SEALED_SIZE).set(state.sealed_size as f64);
    gauge!(SEGMENTS).set(state.segments as f64);
    gauge!(UNSEALED_FILES).set(state.unsealed_files as f64);
    gauge!(WRITABLE).set(if state.writable { 1.0 } else { 0.0 });
    let counts = node.service.counts();
    counter!(ACCEPTED).absolute(counts.accepted);
    for (reason, refused) in counts.refused {
        counter!(REFUSED, "reason" => reason).absolute(refused);
    }
    let Some(recorder) = RECORDER.get() else { return String::new() };
    recorder.run_upkeep();
    recorder.render()
}
