"""Makes a large OCEL 2.0 JSON log of a made-up shop: customers, orders, items and parcels, about 2 kB for each order.

    python ocel.py ORDERS FILE

With 550,000 orders it is nearly as large as such a file may be.
"""

import random
import sys
from datetime import datetime, timedelta, timezone

TYPES = ["customers", "orders", "items", "parcels"]
EVENTS = ["place order", "confirm order", "pick item", "reorder item", "pack", "ship", "deliver", "pay", "complain"]
BEGIN = datetime(2025, 1, 1, tzinfo=timezone.utc)
YEAR_S = 360 * 86_400


def story(draw, customer, order, items):
    """The events of one order: name, second, what each is about."""
    second = draw.randrange(YEAR_S)
    yield "place order", second, [order, customer, *items]
    second += draw.randrange(3_600)
    yield "confirm order", second, [order, *items]
    for item in items:
        second += draw.randrange(4_000)
        if draw.random() < 0.1:
            yield "reorder item", second, [item, order]
            second += 86_400
        yield "pick item", second, [item, order]
    parcel = f"p{order[1:]}"
    for name, wait_s, about in [
        ("pack", 4_000, [parcel, order, *items]),
        ("ship", 80_000, [parcel]),
        ("deliver", 200_000, [parcel, order, customer]),
        ("pay", 900_000, [order, customer]),
    ]:
        second += draw.randrange(wait_s)
        yield name, second, about
    if draw.random() < 0.05:
        yield "complain", second + draw.randrange(100_000), [customer, order]


def main():
    orders, path = int(sys.argv[1]), sys.argv[2]
    draw, customers = random.Random(7), max(1, orders // 3)
    counts = [1 + min(6, int(draw.expovariate(0.7))) for _ in range(orders)]
    named = lambda names: ",".join(f'{{"name":"{name}","attributes":[]}}' for name in names)
    numbers = {"customers": customers, "orders": orders, "items": sum(counts), "parcels": orders}
    with open(path, "w", buffering=1 << 22, encoding="utf-8") as out:
        out.write(f'{{"objectTypes":[{named(TYPES)}],"eventTypes":[{named(EVENTS)}],"objects":[')
        between = ""
        for kind, number in numbers.items():
            for n in range(number):
                out.write(f'{between}{{"id":"{kind[0]}{n}","type":"{kind}","attributes":[],"relationships":[]}}')
                between = ","
        out.write('],"events":[')
        event, first_item = 0, 0
        for order, count in enumerate(counts):
            items = [f"i{n}" for n in range(first_item, first_item + count)]
            first_item += count
            for name, second, about in story(draw, f"c{draw.randrange(customers)}", f"o{order}", items):
                at = (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
                objects = ",".join(f'{{"objectId":"{one}","qualifier":"{one[0]}"}}' for one in about)
                out.write(
                    f'{"," if event else ""}{{"id":"e{event}","type":"{name}","time":"{at}","attributes":[],'
                    f'"relationships":[{objects}]}}'
                )
                event += 1
        out.write("]}")
    print(f"{event} events, {numbers}")


if __name__ == "__main__":
    main()
