"""Files of a shop become transactions: what is one, what is left out, and what is refused with one line."""

import csv
from pathlib import Path

import pytest

from data.datasets.cells import AmbiguousError, DataError
from data.datasets.load import load
from data.datasets.reading import Reading
from runtime.errors import Hint
from tests.support.shop_files import HEADER, ORDERS, Sold, line, sold, sold_in, write

SHOPIFY = (
    "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Currency,Total,Refunded Amount"
)


class TestInvoices:
    """Which rows are one transaction."""

    def test_the_lines_of_an_invoice_need_not_be_consecutive(self, tmp_path: Path) -> None:
        rows = [line(invoice, at=f"2024-03-0{invoice} 10:00", code=code) for code in "AB" for invoice in "123"]
        report = load(write(tmp_path, *rows)).report
        assert (report.transactions, report.lines, report.overlap_rows, report.exports) == (3, 6, 0, 1)

    def test_two_customers_with_one_receipt_number_have_a_transaction_each(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, line("1", "ann"), line("1", "bob", at="2024-03-05 10:00"), line("1", "ann", price="2.50")
        )
        assert sold_in(path) == [Sold("1", "ann", "sale", "7.50", 2), Sold("1", "bob", "sale", "5.00", 1)]

    def test_two_customers_of_one_receipt_at_the_same_time_are_mentioned(self, tmp_path: Path) -> None:
        (note,) = [
            note for note in load(write(tmp_path, line("1", "ann"), line("1", "bob"))).notes if "customers" in note
        ]
        assert note.startswith("1 invoice, 1, has several customers at the same time")

    def test_what_an_invoice_says_once_holds_for_all_its_lines(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, "1,A10,MUG,2,,5.00,,", line("1", "ann", price="12.00", country="Germany"), line("2", "bob")
        )
        with load(path) as dataset:
            first = next(dataset.wire_transactions())
        assert (first.transaction_id, first.customer_id, first.country, first.amount) == (
            "1",
            "ann",
            "Germany",
            "22.00",
        )

    def test_a_blank_customer_of_a_receipt_of_two_customers_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path, line("1", "ann"), line("1", "bob"), line("1", ""))
        with pytest.raises(DataError, match=r"line 4, column CustomerID: .* the invoice has several customers"):
            load(path)

    def test_equal_lines_of_an_invoice_all_count(self, tmp_path: Path) -> None:
        assert sold_in(write(tmp_path, line("1"), line("1"))) == [Sold("1", "c1", "sale", "10.00", 2)]

    def test_a_blank_country_is_unspecified(self, tmp_path: Path) -> None:
        with load(write(tmp_path, line("1", country=""), line("2", country="UK"))) as dataset:
            assert dataset.transactions["country"].tolist() == ["Unspecified", "UK"]


class TestReturns:
    """What is a return."""

    def test_a_negative_total_is_a_return_without_any_letter(self, tmp_path: Path) -> None:
        path = write(tmp_path, line("1", quantity=6), line("2", quantity=-2, at="2024-03-02 10:00"))
        assert [one.kind for one in sold_in(path)] == ["sale", "return"]

    def test_an_exchange_is_what_its_total_says(self, tmp_path: Path) -> None:
        path = write(tmp_path, line("1", quantity=-1, price="2.50"), line("1", price="19.95"))
        assert sold_in(path) == [Sold("1", "c1", "sale", "17.45", 2)]

    def test_the_letter_of_a_return_may_be_small(self, tmp_path: Path) -> None:
        assert sold_in(write(tmp_path, line("c1", quantity=-2)))[0].kind == "return"

    def test_a_letter_that_contradicts_the_total_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(
            DataError, match=r"line 2, column InvoiceNo: invoice C1: a total of 5.00 is positive for a return"
        ):
            load(write(tmp_path, line("C1")))

    @pytest.mark.parametrize("amount", ["12.00", "-12.00"])
    def test_a_kind_says_what_is_a_return_whatever_its_sign(self, tmp_path: Path, amount: str) -> None:
        path = write(tmp_path, "1,a,2024-03-01,20.00,sale", f"2,a,2024-03-02,{amount},refund", header=f"{ORDERS},type")
        assert sold_in(path)[1] == Sold("2", "a", "return", "12.00", 1)

    def test_refunds_of_both_signs_contradict_each_other(self, tmp_path: Path) -> None:
        path = write(tmp_path, "1,a,2024-03-01,-20.00,refund", "2,a,2024-03-02,12.00,refund", header=f"{ORDERS},type")
        with pytest.raises(
            DataError, match=r"line 3, column order_id: invoice 2: a total of 12.00 is positive for a return"
        ):
            load(path)

    def test_a_negative_sale_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path, "1,a,2024-03-01,-20.00,sale", "2,a,2024-03-02,12.00,refund", header=f"{ORDERS},type")
        with pytest.raises(DataError, match=r"invoice 1: a total of -20.00 is negative for a sale"):
            load(path)


@pytest.mark.slow
class TestTotals:
    """An amount beside lines, and amounts without lines."""

    def test_the_total_of_an_order_counts_whatever_its_lines_add_up_to(self, tmp_path: Path) -> None:
        rows = ["#1,a@x.org,2024-03-01,2,Mug,5.00,M1,EUR,27.00,", "#1,,,1,Plate,12.00,P1,,,"]
        assert sold_in(write(tmp_path, *rows, header=SHOPIFY)) == [Sold("#1", "a@x.org", "sale", "27.00", 2)]

    def test_a_total_that_every_row_repeats_counts_once(self, tmp_path: Path) -> None:
        rows = [f"#1,a@x.org,2024-03-01,{item},EUR,27.00," for item in ("2,Mug,5.00,M1", "1,Plate,12.00,P1")]
        assert sold_in(write(tmp_path, *rows, header=SHOPIFY))[0].amount == "27.00"

    def test_what_was_paid_back_is_a_return_of_its_own(self, tmp_path: Path) -> None:
        rows = [
            "#1,a@x.org,2024-03-01,2,Mug,5.00,M1,EUR,10.00,4.00",
            "#2,b@x.org,2024-03-02,1,Mug,5.00,M1,EUR,5.00,0.00",
        ]
        assert sold_in(write(tmp_path, *rows, header=SHOPIFY)) == [
            Sold("#1", "a@x.org", "sale", "10.00", 1),
            Sold("#1-refund", "a@x.org", "return", "4.00", 1),
            Sold("#2", "b@x.org", "sale", "5.00", 1),
        ]

    @pytest.mark.parametrize(
        ("number", "reason"),
        [("x" * 58, "which is too long"), ("1", "which another transaction has")],
    )
    def test_a_refund_without_a_number_is_refused(self, tmp_path: Path, number: str, reason: str) -> None:
        rows = [f"{number},a,2024-03-01,10.00,4.00", "1-refund,a,2024-03-02,5.00,"]
        with pytest.raises(DataError, match=f"line 2, column refund: the refund needs the number .*-refund, {reason}"):
            load(write(tmp_path, *rows, header=f"{ORDERS},refund"))

    def test_different_amounts_of_one_order_add_up_and_that_is_said(self, tmp_path: Path) -> None:
        dataset = load(write(tmp_path, "1,a,2024-03-01,5.00", "1,a,2024-03-01,6.00", header=ORDERS))
        assert any("are added up" in note for note in dataset.notes)
        assert sold(dataset)[0].amount == "11.00"

    def test_equal_amounts_of_one_order_are_asked_about(self, tmp_path: Path) -> None:
        path = write(tmp_path, "1,a,2024-03-01,5.00", "1,a,2024-03-01,5.00", header=ORDERS)
        with pytest.raises(AmbiguousError) as error:
            load(path)
        assert str(error.value) == (
            "shop.csv: transaction 1 has 2 rows of 5.00 each: they can be parts of 10.00 (--set money.amount_of=row) "
            "or repeat the total of 5.00 (--set money.amount_of=invoice)"
        )
        assert sold_in(path, "money.amount_of=row")[0].amount == "10.00"
        assert sold_in(path, "money.amount_of=invoice") == [Sold("1", "a", "sale", "5.00", 1)]

    def test_an_order_without_an_amount_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"line 3, column total: the cell is empty"):
            load(write(tmp_path, "1,a,2024-03-01,5.00", "2,a,2024-03-01,", header=ORDERS))


class TestExports:
    """What several exports hold of the same invoices."""

    def test_an_invoice_that_two_files_hold_is_kept_once(self, tmp_path: Path) -> None:
        first = write(tmp_path, line("1"), line("2"), line("2", code="B"), name="a.csv")
        second = write(tmp_path, line("2", code="B"), line("2"), line("3"), name="b.csv")
        report = load([first, second]).report
        assert (report.transactions, report.lines, report.exports) == (3, 4, 2)
        assert (report.overlap_invoices, report.overlap_rows) == (1, 2)

    def test_other_lines_of_an_invoice_in_a_second_file_stop_the_reading(self, tmp_path: Path) -> None:
        first = write(tmp_path, line("1"), line("2"), name="a.csv")
        second = write(tmp_path, line("2", price="6.00"), name="b.csv")
        with pytest.raises(DataError) as error:
            load([first, second])
        assert str(error.value).startswith(
            "b.csv: line 2, column InvoiceNo: invoice 2 of customer c1 has other lines here than in a.csv from row 2 on"
        )
        report = load([first, second], Reading(on_error="skip")).report
        assert (report.transactions, report.rejected_rows) == (2, 1)

    def test_a_file_of_two_exports_is_recognised_by_the_invoices_that_it_repeats(self, tmp_path: Path) -> None:
        days = [line(str(day), at=f"2024-03-0{day} 10:00", code=code) for day in range(1, 7) for code in "AB"]
        dataset = load(write(tmp_path, *days[:8], *days[4:]))
        assert (dataset.report.exports, dataset.report.overlap_invoices, dataset.report.overlap_rows) == (2, 2, 4)
        assert dataset.report.transactions == 6
        assert any("Another export begins at row 9 of shop.csv" in note for note in dataset.notes)

    def test_three_exports_in_one_file_are_recognised(self, tmp_path: Path) -> None:
        days = [line(str(day), at=f"2024-03-0{day} 10:00") for day in range(1, 10)]
        report = load(write(tmp_path, *days[:4], *days[2:7], *days[5:])).report
        assert (report.exports, report.overlap_invoices, report.transactions) == (3, 4, 9)

    def test_equal_lines_one_after_the_other_are_no_second_export(self, tmp_path: Path) -> None:
        days = [line(str(day), at=f"2024-03-0{day} 10:00") for day in (3, 1, 2)]
        report = load(write(tmp_path, *(row for row in days for _ in range(2)))).report
        assert (report.exports, report.lines, report.overlap_rows) == (1, 6, 0)

    def test_a_jump_back_in_time_means_nothing(self, tmp_path: Path) -> None:
        rows = [line(str(day), at=f"2024-0{day % 5 + 1}-0{day} 10:00") for day in range(1, 10)]
        assert load(write(tmp_path, *rows)).report.exports == 1

    def test_the_same_number_of_another_customer_in_a_second_file_is_a_transaction(self, tmp_path: Path) -> None:
        first, second = write(tmp_path, line("1", "ann"), name="a.csv"), write(tmp_path, line("1", "bob"), name="b.csv")
        assert [one.customer_id for one in sold(load([first, second]))] == ["ann", "bob"]


class TestBadRows:
    """Rows that can't be used."""

    ROWS = (line("1"), line("2", quantity="many"), line("2"), line("3", "x" * 65), line("4"))

    def test_the_first_one_stops_the_reading_with_its_line_and_how_many_more_there_are(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as error:
            load(write(tmp_path, *self.ROWS))
        assert str(error.value) == (
            f"shop.csv: line 3, column Quantity: 'many' is not a number in: {self.ROWS[1]}, and 1 more"
        )
        assert error.value.hint is Hint.SET_LINES_ASIDE

    def test_with_skip_their_invoices_are_set_aside_with_reasons_and_counted(self, tmp_path: Path) -> None:
        rejects = tmp_path / "rejects.csv"
        dataset = load(write(tmp_path, *self.ROWS), Reading(on_error="skip", rejects=rejects))
        assert dataset.report.rejected_rows == 3
        assert [one.transaction_id for one in sold(dataset)] == ["1", "4"]
        with rejects.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [(row["file"], row["line"], row["column"]) for row in rows] == [
            ("shop.csv", "3", "Quantity"),
            ("shop.csv", "4", ""),
            ("shop.csv", "5", "CustomerID"),
        ]
        assert rows[0]["reason"] == "'many' is not a number"
        assert rows[1]["reason"] == "another row of invoice 2 is rejected"
        assert [row["text"] for row in rows] == list(self.ROWS[1:4])

    def test_the_invoice_of_a_line_that_can_not_be_split_is_set_aside_too(self, tmp_path: Path) -> None:
        path = write(tmp_path, line("1"), line("2"), "2,A10,MUG 2,2024-03-01 10:00,5.00,c1,UK", line("3"))
        dataset = load(path, Reading(on_error="skip"))
        assert dataset.report.rejected_rows == 2
        assert [one.transaction_id for one in sold(dataset)] == ["1", "3"]

    def test_a_total_row_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"line 3, column InvoiceNo: the cell is empty in: ,,TOTAL,22,,49.45,,"):
            load(write(tmp_path, line("1"), ",,TOTAL,22,,49.45,,"))

    @pytest.mark.parametrize("at", ["1899-12-30 00:00", "2200-01-01 00:00"])
    def test_a_date_that_the_worker_refuses_is_refused(self, tmp_path: Path, at: str) -> None:
        with pytest.raises(DataError, match=r"line 3, column InvoiceDate"):
            load(write(tmp_path, line("1"), line("2", at=at)))

    @pytest.mark.parametrize(("quantity", "price"), [(10**6, "1000.00"), (999_999_999, "999999999.99")])
    def test_an_amount_that_the_worker_refuses_is_refused(self, tmp_path: Path, quantity: int, price: str) -> None:
        with pytest.raises(DataError, match=r"line 2, column UnitPrice: quantity times price is too large an amount"):
            load(write(tmp_path, line("1", quantity=quantity, price=price)))

    def test_many_lines_that_are_too_much_together_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"invoice 1: a total of 1000000000.00 is too large an amount"):
            load(write(tmp_path, *[line("1", quantity=500_000, price="1000.00")] * 2))


class TestNothingLeft:
    """Files without a transaction."""

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([], "shop.csv: there is no row below the names of the columns"),
            (
                [line("1", ""), line("A1"), line("2", quantity="x")],
                "shop.csv: no transaction of a known customer is left: of 3 rows, 1 has no customer, 1 is no sale, 1 "
                "is rejected",
            ),
        ],
    )
    def test_one_line_says_what_was_left_out(self, tmp_path: Path, rows: list[str], message: str) -> None:
        with pytest.raises(DataError) as error:
            load(write(tmp_path, *rows), Reading(on_error="skip"))
        assert str(error.value) == message

    def test_rows_that_are_no_sale_are_counted(self, tmp_path: Path) -> None:
        path = write(tmp_path, line("1"), line("1", code="POST", price="3.00"), line("2", "test@x.org"))
        how = ('not_sales.stock_codes=["POST"]', 'not_sales.customers=["Test@X.org"]')
        dataset = load(path, Reading(settings=how))
        assert dataset.report.not_sale_rows == 2
        assert sold(dataset) == [Sold("1", "c1", "sale", "5.00", 1)]

    def test_orders_that_were_cancelled_are_no_sale_even_if_they_can_not_be_read(self, tmp_path: Path) -> None:
        rows = ["1,a,2024-03-01,5.00,paid", "2,b,2024-03-02,,cancelled"]
        dataset = load(write(tmp_path, *rows, header=f"{ORDERS},status"))
        assert (dataset.report.not_sale_rows, dataset.report.transactions) == (1, 1)


def test_several_files_may_differ_in_columns_that_are_not_needed(tmp_path: Path) -> None:
    first = write(tmp_path, "1,a,2024-03-01,5.00", header=ORDERS, name="a.csv")
    second = write(tmp_path, "2,b,2024-03-02,6.00,France", header=f"{ORDERS},country", name="b.csv")
    with load([first, second]) as dataset:
        assert dataset.transactions["country"].tolist() == ["Unspecified", "France"]


def test_files_of_different_kinds_are_not_one_dataset(tmp_path: Path) -> None:
    first = write(tmp_path, line("1"), name="a.csv")
    second = write(tmp_path, "2,b,2024-03-02,6.00", header=ORDERS, name="b.csv")
    with pytest.raises(DataError, match=r"^b.csv: its columns are those of orders, not of online-retail as in"):
        load([first, second])


def test_the_report_says_how_each_column_was_read(tmp_path: Path) -> None:
    dataset = load(write(tmp_path, line("1", at="13/03/2024 10:00"), line("2", at="01/03/2024 10:00")))
    (time,) = [column for column in dataset.columns if column.name == "time"]
    assert time.column == "InvoiceDate"
    assert "day first" in time.convention
    assert time.before == ("13/03/2024 10:00", "01/03/2024 10:00")
    assert time.after == ("2024-03-13 10:00:00 UTC", "2024-03-01 10:00:00 UTC")


def test_a_header_in_another_order_is_read_the_same(tmp_path: Path) -> None:
    names = HEADER.split(",")
    turned = write(tmp_path, ",".join(reversed(line("1").split(","))), header=",".join(reversed(names)), name="b.csv")
    assert sold_in(turned) == sold_in(write(tmp_path, line("1")))
