"""Each page shows what is there, and helps where nothing is."""

import json
import unittest

from case import Case


class Empty(Case):
    def test_where_nothing_is_a_line_says_how_to_make_it(self):
        for kind, line in [
            ("queues", "/v1/queues/emails/jobs"),
            ("locks", "/v1/locks/deploy/acquire"),
            ("events", "/v1/events/deployed"),
            ("semaphores", "/v1/semaphores/gpu"),
            ("barriers", "/v1/barriers/start"),
            ("schedules", "/v1/schedules/nightly"),
        ]:
            with self.subTest(kind):
                self.show(f"#/{kind}")
                self.see("curl ", self.server.origin + line)

    def test_an_address_that_names_nothing_says_so(self):
        for page in [
            "#/nothing",
            "#/queues/..",
            "#/queues/%2e%2e%2flocks",
            "#/queues/%",
            "#/queues/a/jobs/1/2",
            "#/locks/<b>",
        ]:
            with self.subTest(page):
                self.show(page)
                self.see("Nothing here")

    def test_a_queue_that_is_not_there_says_how_to_make_it(self):
        self.expected = ("404",)
        self.show("#/queues/later")
        self.see("not there", "/v1/queues/later")


class Full(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.server
        server.ask("PUT", "/v1/queues/emails", json.dumps({"maxsize": 1234, "dead_letter": "failed"}))
        for at in range(60):
            server.put("emails", f'{{"n": {at}}}', f"key=customer-{at % 3}")
        cls.last = server.put(
            "emails", '{"id": 12345678901234567890}', "key=odd", Job_Tenant="acme", Content_Type="application/json"
        )
        server.put("later", "x", "delay=1h")
        cls.dead = server.bury("invoices", "pay", "mailbox unavailable")
        server.ask("PUT", "/v1/locks/x")
        server.ask("POST", "/v1/locks/deploy/acquire?lease=1h&owner=runner-7")
        server.ask("PUT", "/v1/events/deployed", "v1.4.2", Content_Type="text/plain")
        server.ask("PUT", "/v1/semaphores/gpu", '{"permits": 4}')
        server.ask("POST", "/v1/semaphores/gpu/acquire?permits=3&lease=1h&owner=train-12")
        server.ask("PUT", "/v1/barriers/start", '{"parties": 3}')
        server.ask("PUT", "/v1/schedules/nightly", json.dumps({"cron": "0 3 * * *", "queue": "emails", "body": "x"}))

    def test_queues_are_live(self):
        self.show("#/queues")
        self.see("emails", "1,234", "invoices", "later")
        ready = """return [...document.querySelectorAll('tbody tr')]
            .find((row) => row.innerText.includes('moving'))?.cells[2].textContent === arguments[0]"""
        for many in ("1", "2"):
            self.server.put("moving")
            self.browser.until(ready, many)

    def test_queues_are_searched_and_sorted(self):
        self.show("#/queues")
        self.see("emails", "invoices")
        self.press("Ready")
        self.browser.until("return document.querySelector('tbody th').textContent.startsWith('emails')")
        self.press("Name")
        self.press("Name")
        self.browser.until("return document.querySelector('[aria-sort=descending]').textContent === 'Name'")
        self.fill("input[type=search]", "inv")
        self.miss("emails")
        self.see("invoices")
        self.fill("input[type=search]", "zzz")
        self.see("name begins so")

    def test_a_queue_has_charts_configuration_and_jobs(self):
        self.show("#/queues/emails")
        self.see("of 1,234", "Last hour", "customer-0", "failed")
        self.browser.until("return document.querySelectorAll('.drawing path').length >= 6")
        self.press("Last day")
        self.browser.until("return document.querySelector('.choices [aria-pressed=true]').textContent === 'Last day'")
        self.browser.until("return document.querySelectorAll('.drawing path').length >= 6")

    def test_no_number_stands_twice_beside_a_chart(self):
        for name, ready in (("few", 1), ("some", 5), ("none", 0)):
            self.server.ask("PUT", f"/v1/queues/{name}", "{}")
            for _ in range(ready):
                self.server.put(name)
            self.show(f"#/queues/{name}")
            # Three lines across, each with its number; what stands below is time.
            self.browser.until("return document.querySelectorAll('.drawing .grid line').length === 9")
            marks = self.browser.run(
                """return [...document.querySelectorAll('.drawing')].map((chart) =>
                [...chart.querySelectorAll('.grid line + text')].map((mark) => mark.textContent))"""
            )
            for chart in marks:
                self.assertEqual((len(chart), len(set(chart))), (3, 3), f"{name}: {marks}")

    def test_what_is_not_there_is_not_paused_or_purged(self):
        self.expected = ("404",)
        self.show("#/queues/nowhere")
        self.see("not there", "It is made by the first put")
        self.assertNotIn("Purge…", self.browser.text())
        self.server.put("nowhere")
        self.see("Purge…")

    def test_jobs_come_in_pages_and_are_found(self):
        self.show("#/queues/emails")
        rows = "return document.querySelectorAll('tbody tr').length"
        self.browser.until(f"{rows} === 50")
        self.press("Next page")
        self.browser.until(f"{rows} === 11")
        self.press("First page")
        self.browser.until(f"{rows} === 50")
        self.fill("section input[type=search]", "odd")
        self.browser.until(f"{rows} === 1")
        self.fill("section select", "id")
        self.fill("section input[type=search]", self.last)
        self.browser.until(f"{rows} === 1")
        self.expected = ("404",)
        self.fill("section input[type=search]", "99999999")
        self.see("No job has this number")
        self.fill("section input[type=search]", "")
        self.browser.run(
            """[...document.querySelectorAll('.choices button')]
            .find((one) => one.textContent.startsWith('dead')).click()"""
        )
        self.see("No job is dead")

    def test_a_job_is_shown_as_it_came(self):
        self.show(f"#/queues/emails/jobs/{self.last}")
        self.see('{"id": 12345678901234567890}', "job-tenant", "acme", "application/json", "odd")

    def test_a_dead_job_says_what_it_died_of(self):
        self.show(f"#/queues/invoices/jobs/{self.dead}")
        self.see("mailbox unavailable", "nack", "pay")

    def test_a_long_body_is_cut_until_all_is_wanted(self):
        job = self.server.put("long", "a" * 9000 + "THE END")
        self.show(f"#/queues/long/jobs/{job}")
        self.see("Show all 9,007 characters")
        self.assertNotIn("THE END", self.browser.text())
        self.press("Show all 9,007 characters")
        self.see("THE END")

    def test_a_body_that_is_no_text_is_in_base64(self):
        job = self.server.put("binary", b"\xff\xfe\x00")
        self.show(f"#/queues/binary/jobs/{job}")
        self.see("base64", "//4A")

    def test_a_job_that_is_gone_says_so(self):
        self.expected = ("404",)
        job = self.server.put("gone")
        self.show(f"#/queues/gone/jobs/{job}")
        self.see("hello")
        self.server.ask("DELETE", f"/v1/queues/gone/jobs/{job}")
        self.see("not here any more")

    def test_the_other_kinds_are_listed(self):
        for kind, words in [
            ("locks", ["deploy", "locked", "runner-7", "fence"]),
            ("events", ["deployed", "set"]),
            ("semaphores", ["gpu", "1 of 4", "train-12", "3 permits"]),
            ("barriers", ["start", "0 of 3", "idle"]),
            ("schedules", ["nightly", "0 3 * * *", "emails"]),
        ]:
            with self.subTest(kind):
                self.show(f"#/{kind}")
                self.see(*words)

    def test_the_value_of_an_event_is_shown(self):
        self.show("#/events")
        self.press("Value")
        self.see("v1.4.2")

    def test_nothing_moves_while_it_is_paused(self):
        self.show("#/queues")
        self.see("emails")
        self.browser.click(self.browser.run("return document.getElementById('pause')"))
        self.see("paused")
        self.server.put("arrived-meanwhile")
        self.browser.click(self.browser.run("return document.getElementById('pause')"))
        self.see("arrived-meanwhile", "live")

    def test_colours_are_kept(self):
        self.show("#/queues")
        theme = "return document.documentElement.dataset.theme"
        before = self.browser.run(theme)
        self.browser.click(self.browser.run("return document.getElementById('theme')"))
        self.assertNotEqual(self.browser.run(theme), before)
        self.show("#/queues")
        self.assertNotEqual(self.browser.run(theme), before)


if __name__ == "__main__":
    unittest.main()
