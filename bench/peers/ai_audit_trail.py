"""ai-audit-trail (PyPI): Ed25519-signed, chained receipts, in memory as it comes.

A receipt holds hashes of the decision, not the decision: it is kept nowhere, and nothing is durable.
"""

import secrets
import time
from typing import Any

import orjson

from peers.small import SmallLog, Source
from peers.worker import serve


class Engine(SmallLog):
    """See `peers.engine.Small`."""

    name = "ai_audit_trail"
    title = "ai-audit-trail"
    package = "ai-audit-trail"

    def settings(self) -> str:
        return f"its in-memory store, not durable; {self.records:,} receipts, which hold hashes and no decision"


class Store(Source):
    """The library, in its own process."""

    def measure(self, records: int) -> dict[str, Any]:
        from ai_audit import (  # Here, so that only this process has it.
            AuditConfig,
            ReceiptAction,
            ReceiptCollector,
            ReceiptStore,
            get_verify_key_hex,
            init_audit_config,
            verify_chain,
        )

        decisions = self.decisions(records)
        init_audit_config(AuditConfig(is_production=True, signing_key_hex=secrets.token_hex(32)))
        store = ReceiptStore(max_size=records)
        started = time.perf_counter()
        for line, decision in decisions:
            collector = ReceiptCollector(
                trace_id=decision["decisionId"],
                session_id=decision["sessionId"],
                tenant_id="lender",
                model_id=decision["modelId"],
            )
            collector.set_input(line)
            collector.add_check("confidence", score=decision["confidence"], threshold=0.7)
            collector.set_output(str(decision["prediction"]))
            collector.set_action(ReceiptAction.ALLOW if decision["prediction"]["approved"] else ReceiptAction.REJECT)
            collector.emit(store)
            collector.cleanup()
        appended = time.perf_counter()
        receipts = store.get_by_tenant("lender", limit=records)
        result = verify_chain(receipts, get_verify_key_hex())
        verified = time.perf_counter()
        if not result.valid or result.verified_receipts != records:
            raise RuntimeError(f"it does not verify: {result.error} ({result.verified_receipts} of {records})")
        stored = sum(len(orjson.dumps(receipt.model_dump(mode="json"))) for receipt in receipts)
        return {
            "writes_per_second.1": records / (appended - started),
            "verify_per_second": records / (verified - appended),
            "bytes_per_record": stored / records,
        }


if __name__ == "__main__":
    serve(Store)
