"""What all tests share: one browser, a server for each class, and that no page breaks the policy or logs an error."""

import unittest

from browser import Browser
from server import Server


class Case(unittest.TestCase):
    browser = None
    flags = ()
    # Errors of the network that a test brings about itself are in the console as well.
    expected = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags)
        cls.addClassCleanup(cls.server.close)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def tearDown(self):
        self.assertEqual(self.browser.run("return window.__violations ?? []"), [])
        self.assertEqual(self.browser.run("return window.__ran ?? []"), [])
        wrong = [line for line in self.browser.console() if not any(known in line for known in self.expected)]
        self.assertEqual(wrong, [])

    def show(self, page):
        """Opens a page anew, as if from a bookmark."""
        self.browser.open("about:blank")
        self.browser.open(self.server.ui + page)
        self.browser.until("return document.querySelector('main h1')", what=f"{page} is there")

    def see(self, *words):
        """Waits until the page shows all of these."""
        for word in words:
            self.browser.until("return document.body.innerText.includes(arguments[0])", word, what=f"to see {word!r}")

    def miss(self, word):
        self.browser.until("return !document.querySelector('main').innerText.includes(arguments[0])", word)

    def press(self, label, within="main"):
        """Clicks the first visible button or link that says so."""
        find = """return [...document.querySelectorAll(arguments[0] + ' button, ' + arguments[0] + ' a')].find(
            (one) => one.textContent.trim() === arguments[1] && one.checkVisibility())"""
        self.browser.click(self.browser.until(find, within, label, what=f"a button {label!r}"))

    def fill(self, selector, value):
        self.browser.until("return document.querySelector(arguments[0])", selector)
        self.browser.run(
            """const input = document.querySelector(arguments[0]);
            input.value = arguments[1];
            for (const event of ['input', 'change']) input.dispatchEvent(new Event(event, {bubbles: true}));""",
            selector,
            value,
        )

    def confirm(self, *words):
        """The dialog is open, says these, and is told to go on."""
        told = self.browser.until("return document.querySelector('dialog[open]')?.innerText")
        for word in words:
            self.assertIn(word, told)
        self.browser.click(self.browser.run("return document.querySelector('dialog[open] button[type=submit]')"))
        self.browser.until("return !document.querySelector('dialog[open]')", what="the dialog is closed")
