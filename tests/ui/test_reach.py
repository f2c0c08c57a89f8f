"""Everybody gets everywhere: by keyboard, with a screen reader, on a phone."""

import json
import unittest

from case import Case

TAB, ENTER, ESCAPE, SPACE = "\ue004", "\ue007", "\ue00c", " "
PAGES = ["queues", "queues/emails", "locks", "events", "semaphores", "barriers", "schedules"]
FOCUSED = "return (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"


class Reach(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.server
        cls.job = server.bury("emails", "w" * 3000, "e" * 900, "key=" + "k" * 200, Job_Long="h" * 900)
        server.put("q" * 128)
        server.ask("POST", f"/v1/locks/{'l' * 128}/acquire?lease=1h&owner={'o' * 200}")
        server.ask("PUT", "/v1/events/deployed", "v1")
        server.ask("PUT", "/v1/semaphores/gpu", '{"permits": 4}')
        server.ask("POST", f"/v1/semaphores/gpu/acquire?lease=1h&owner={'o' * 200}")
        server.ask("PUT", "/v1/barriers/start", '{"parties": 3}')
        server.ask("PUT", "/v1/schedules/s", json.dumps({"cron": "0 3 * * *", "queue": "emails", "body": "x"}))

    def tab_to(self, label):
        """Goes on with the tabulator until what is focused says so."""
        seen = []
        for _ in range(80):
            now = self.browser.run(FOCUSED)
            if now.startswith(label):
                return
            seen.append(now[:30])
            self.browser.press(TAB)
        self.fail(f"{label} is out of the keyboard's reach: {seen}")

    def test_nothing_is_wider_than_a_phone(self):
        for width in (320, 390):
            self.browser.size(width, 800)
            for page in [*PAGES, f"queues/emails/jobs/{self.job}", "nothing"]:
                with self.subTest(page=page, width=width):
                    self.show(f"#/{page}")
                    self.browser.until("return !document.body.innerText.includes('Loading…')")
                    wide = self.browser.run(
                        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                    self.assertLessEqual(wide, 0)
        self.show("#/queues/emails")
        self.press("Redrive…")
        box = self.browser.run(
            "const box = document.querySelector('dialog').getBoundingClientRect(); return [box.left, box.right]"
        )
        self.assertGreaterEqual(box[0], 0)
        self.assertLessEqual(box[1], 390)
        self.press("Cancel", "dialog")
        self.browser.size(1280, 900)

    def test_the_keyboard_reaches_the_actions(self):
        self.show("#/queues")
        self.see("emails")
        self.tab_to("emails")
        self.browser.press(ENTER)
        self.browser.until(
            "return document.activeElement.tagName === 'H1' && document.activeElement.textContent.startsWith('emails')"
        )
        for label in ("Pause…", "Redrive…", "Purge…"):
            self.tab_to(label)
        self.browser.press(ENTER)
        self.browser.until("return document.querySelector('dialog[open]')")
        # What is focused in a dialog stays in it, and comes back when it is closed.
        for _ in range(8):
            self.browser.press(TAB)
            inside = "return document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            self.assertTrue(self.browser.run(inside))
        self.browser.press(ESCAPE)
        self.browser.until("return !document.querySelector('dialog[open]')")
        self.assertEqual(self.browser.run(FOCUSED), "Purge…")
        self.tab_to("Retry job")
        self.tab_to("Cancel job")

    def test_the_first_key_skips_to_the_content(self):
        self.show("#/locks")
        self.browser.press(TAB)
        self.assertEqual(self.browser.run(FOCUSED), "Skip to the content")
        self.browser.press(ENTER)
        self.browser.until("return document.activeElement.id === 'main'")
        self.assertEqual(self.browser.run("return location.hash"), "#/locks")

    def test_focus_stays_while_rows_change(self):
        self.show("#/queues")
        self.see("emails")
        self.tab_to("emails")
        self.server.put("a-queue-before-it")
        self.see("a-queue-before-it")
        self.assertTrue(self.browser.run(FOCUSED).startswith("emails"))

    def test_a_chart_is_read_by_keyboard(self):
        self.show("#/queues/emails")
        self.tab_to("Jobs at")
        before = self.browser.until("return document.activeElement.getAttribute('aria-label')")
        self.browser.press("\ue012")
        self.browser.until("return document.activeElement.getAttribute('aria-label') !== arguments[0]", before)

    def test_a_screen_reader_finds_its_way(self):
        for page in [*PAGES, f"queues/emails/jobs/{self.job}"]:
            with self.subTest(page):
                self.show(f"#/{page}")
                self.browser.until("return !document.body.innerText.includes('Loading…')")
                for landmark in (
                    "header",
                    "nav[aria-label]",
                    "main",
                    "[role=status][aria-live=polite]",
                    "[role=alert]",
                ):
                    self.assertTrue(
                        self.browser.run("return !!document.querySelector(arguments[0])", landmark), landmark
                    )
                self.assertEqual(self.browser.run("return document.querySelectorAll('h1').length"), 1)
                self.assertEqual(self.browser.run("return document.querySelectorAll('[aria-current=page]').length"), 1)
                bare = """return [...document.querySelectorAll('table')]
                        .filter((one) => !one.caption?.textContent).length
                    + [...document.querySelectorAll('button, a, svg[role=img]')].filter(
                        (one) => !(one.getAttribute('aria-label') ?? one.textContent).trim()).length
                    + [...document.querySelectorAll('input, select, textarea')].filter(
                        (one) => !one.getAttribute('aria-label') && !one.labels.length).length"""
                self.assertEqual(self.browser.run(bare), 0)
                self.assertTrue(
                    self.browser.run("return document.title.endsWith('awaitd') && document.title.length > 8")
                )

    def test_text_can_be_read_in_both_colours(self):
        """4.5 to 1 between words and what is behind them."""
        contrast = """
            const light = (colour) => {
              const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
              const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (node) => {
              for (let at = node; at; at = at.parentElement) {
                const colour = getComputedStyle(at).backgroundColor;
                if (!/, 0\\)$|transparent/.test(colour)) return colour;
              }
              return 'rgb(255, 255, 255)';
            };
            const poor = [];
            for (const node of document.querySelectorAll('body *')) {
              const words = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
              if (!words || !node.checkVisibility()) continue;
              if (node.closest('svg, [aria-hidden], .said, .skip, noscript')) continue;
              const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
              const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
              if (ratio < 4.5) poor.push(node.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
            }
            return poor;"""
        for scheme in ("light", "dark"):
            self.browser.colours(scheme)
            for page in [*PAGES, f"queues/emails/jobs/{self.job}"]:
                with self.subTest(page=page, scheme=scheme):
                    self.show(f"#/{page}")
                    self.browser.until("return !document.body.innerText.includes('Loading…')")
                    self.assertEqual(self.browser.run(contrast), [])
        self.browser.colours("light")


if __name__ == "__main__":
    unittest.main()
