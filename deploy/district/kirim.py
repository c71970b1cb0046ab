"""Kirim satu peristiwa lewat Kafka dan tunggu jawabannya: python3 kirim.py registry contoh.json

Send one event through Kafka and wait for its receipt. Needs: pip install confluent-kafka
"""

import json
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0  # detik / seconds


def main(service: str, file: str) -> None:
    event = json.loads(Path(file).read_text(encoding="utf-8"))
    district = event["source"].split("/")[2]
    receipts = f"receipts.{district}"
    # "district-<kode>" dan semua yang berawalan itu / that name and whatever begins with it.
    group = f"district-{district}-contoh"
    consumer = Consumer({**settings(), "group.id": group, "enable.auto.commit": False})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(receipts, 0), timeout=PATIENCE)
        send(f"intake.{service}.{district}", event)
        consumer.assign([TopicPartition(receipts, 0, end)])
        print(json.dumps(answer(consumer, event["id"]), indent=2, ensure_ascii=False))
    finally:
        consumer.close()


def settings() -> dict[str, str]:
    """client.properties, di folder ini / in this folder."""
    lines = (HERE / "client.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def send(topic: str, event: dict[str, str]) -> None:
    """Kembali bila sudah tersimpan / returns once it is stored durably."""
    # Idempotent: bila sambungan putus, tidak tersimpan dua kali / a broken connection does not store it twice.
    producer = Producer({**settings(), "enable.idempotence": True, "delivery.timeout.ms": int(PATIENCE * 1000)})
    attributes = {f"ce_{name}": value for name, value in event.items() if name not in ("data", "datacontenttype")}

    def stored(error: object, _: Message) -> None:
        if error is not None:
            raise KafkaException(error)

    producer.produce(
        topic,
        key=event["subject"],
        value=json.dumps(event["data"], ensure_ascii=False),
        headers={**attributes, "content-type": "application/json"},
        on_delivery=stored,
    )
    producer.flush()


def answer(consumer: Consumer, event_id: str) -> dict[str, object]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        receipt: dict[str, object] = json.loads(message.value() or b"")
        if receipt["event_id"] == event_id:
            return receipt
    raise TimeoutError(f"belum ada jawaban / no receipt yet: {event_id}")


if __name__ == "__main__":
    main(*sys.argv[1:])
