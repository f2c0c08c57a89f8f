"""What is said when the server is away, or does not answer everybody."""

import unittest

from case import Case


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


if __name__ == "__main__":
    unittest.main()
