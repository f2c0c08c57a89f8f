"""What is said when the server is away, or does not answer everybody."""

import os
import subprocess
import tempfile
import unittest

from case import Case
from server import BINARY


class Away(Case):
    expected = ("net::ERR", "502", "503")

    def test_it_says_so_and_comes_back_by_itself(self):
        for page, word in (("#/queues", "Queues"), ("#/locks", "Locks")):
            with self.subTest(page):
                self.show(page)
                self.see("live")
                self.server.stop()
                self.see("tried again by itself", "reconnecting")
                self.server.start()
                self.server.put("after-the-pause")
                self.see("live", word)
                self.browser.until("return document.getElementById('trouble').hidden")


class Tokens(Case):
    expected = ("401", "403")

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.file = os.path.join(folder.name, "tokens")
        cls.all = cls.token("everything", "*:*:*")
        cls.looker = cls.token("looker", "*:*:look")
        cls.locker = cls.token("locker", "lock:*:look,manage")
        cls.flags = ("--tokens", cls.file)
        super().setUpClass()
        cls.server.token = cls.all
        cls.server.put("emails")

    @classmethod
    def token(cls, name, allow):
        told = [BINARY, "token", "create", "--name", name, "--allow", allow, "--tokens", cls.file]
        return subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()

    def enter(self, token):
        self.fill("dialog #field-token", token)
        self.browser.click(self.browser.run("return document.querySelector('dialog button[type=submit]')"))

    def forget(self):
        self.browser.open(self.server.ui)
        self.browser.run("sessionStorage.clear()")

    def test_it_asks_for_a_token_and_keeps_it_for_the_tab(self):
        self.forget()
        self.show("#/queues")
        self.see("A token, please")
        self.enter("awd_wrong")
        self.see("does not take the token")
        self.enter(self.all)
        self.see("emails", "live")
        self.assertNotIn(self.all, self.browser.run("return location.href"))
        self.assertEqual(
            self.browser.run("return Object.values(localStorage).concat(document.cookie).join('')").count("awd_"), 0
        )
        asked = "return performance.getEntriesByType('resource').map((one) => one.name).join(' ')"
        self.assertNotIn("awd_", self.browser.run(asked))
        self.show("#/queues/emails")
        self.see("Configuration", "live")
        self.browser.click(self.browser.run("return document.getElementById('forget')"))
        self.see("A token, please")

    def test_what_a_token_does_not_allow_is_named(self):
        self.forget()
        self.show("#/queues/emails")
        self.see("A token, please")
        self.enter(self.looker)
        self.see("live", "of 1,000")
        self.press("Pause…")
        self.browser.until("return document.querySelector('dialog[open]')")
        self.browser.click(self.browser.run("return document.querySelector('dialog button[type=submit]')"))
        self.see("does not have the right for this", "manage")
        self.press("Cancel", "dialog")
        self.assertFalse(self.server.queue("emails")["paused"])

    def test_a_page_of_what_a_token_does_not_allow_says_so(self):
        self.forget()
        self.show("#/queues/emails")
        self.see("A token, please")
        self.enter(self.locker)
        self.see("does not have the right for this", "Use another token")


if __name__ == "__main__":
    unittest.main()
