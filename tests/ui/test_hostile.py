"""What somebody put is shown as text: nothing of it runs, is asked for, or changes the page."""

import unittest
from urllib.parse import quote

from case import Case

VECTORS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "<a href=javascript:alert(1)>click</a>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//127.0.0.1:1/x.css>",
    "<base href=//127.0.0.1:1/>",
    "<meta http-equiv=refresh content='0;url=//127.0.0.1:1/'>",
    "<form action=//127.0.0.1:1/><button>go</button></form>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "</pre></main><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "${alert(1)}",
    "{{constructor.constructor('alert(1)')()}}",
    "__proto__",
    "constructor",
    "-->]]><script>alert(1)</script><!--",
    "<template><script>alert(1)</script></template>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<dialog open>You are logged out: <input></dialog>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
WRAPPED = ["{}", '{{"a": "{}"}}', "Traceback: {} at line 7"]
HOSTILE = [wrap.format(vector) for wrap in WRAPPED for vector in VECTORS] + [
    "\u202egnp.exe",
    "e\u0301" * 500,
    "\u2028\u2029",
]


WILD = "main :is(script, img, iframe, style, link, base, meta, object, embed, video, math, template)"
TEXTS = "return [...document.querySelectorAll('main pre')].map((pre) => pre.textContent)"
THERE = """return document.querySelectorAll('main pre').length === 2
    && document.querySelector('h1').textContent === 'Job ' + arguments[0]"""


class Hostile(Case):
    def the_page_is_whole(self):
        """Nothing of what was put has become an element."""
        count = "return document.querySelectorAll(arguments[0]).length"
        self.assertEqual(self.browser.run(count, WILD), 0)
        self.assertEqual(self.browser.run("return document.querySelectorAll('dialog[open]').length"), 0)
        wild = (
            "return [...document.querySelectorAll('a')].filter((a) => !a.getAttribute('href').startsWith('#')).length"
        )
        self.assertEqual(self.browser.run(wild), 0)
        self.assertEqual(self.browser.run("return window.__ran"), [])
        self.assertEqual(self.browser.run("return window.__violations"), [])

    def test_a_hundred_hostile_jobs(self):
        self.assertGreaterEqual(len(HOSTILE), 100)
        jobs = []
        for words in HOSTILE:
            head = {"Job_Note": words} if words.isascii() else {}
            key = "".join(c for c in words if c.isprintable())[:60]
            keyed = f"key={quote(key, safe='')}" if key else ""
            jobs.append(self.server.bury("hostile", words, words, keyed, Content_Type="text/html", **head))
        self.show("#/queues/hostile")
        rows = "return document.querySelectorAll('tbody tr').length"
        self.browser.until(f"{rows} === 50")
        self.the_page_is_whole()
        self.press("Next page")
        self.browser.until(f"{rows} > 0 && document.querySelector('tbody th').textContent === '{jobs[50]}'")
        self.the_page_is_whole()
        for job, words in zip(jobs, HOSTILE, strict=True):
            with self.subTest(words[:40]):
                self.browser.run("location.hash = arguments[0]", f"#/queues/hostile/jobs/{job}")
                self.browser.until(THERE, job)
                self.assertEqual(self.browser.run(TEXTS), [words, words])
                self.the_page_is_whole()

    def test_owners_values_and_progress(self):
        for at, words in enumerate(HOSTILE[:40]):
            self.server.ask("POST", f"/v1/locks/lock-{at}/acquire?lease=1h&owner={quote(words, safe='')}")
        self.server.ask("PUT", "/v1/semaphores/gpu", '{"permits": 100}')
        for words in HOSTILE[:40]:
            self.server.ask("POST", f"/v1/semaphores/gpu/acquire?lease=1h&owner={quote(words, safe='')}")
        self.show("#/locks")
        self.see(HOSTILE[0], HOSTILE[7])
        self.the_page_is_whole()
        self.press("Break…")
        self.browser.until("return document.querySelector('dialog[open]')")
        self.assertIn(HOSTILE[0], self.browser.text())
        self.press("Cancel", "dialog")
        self.the_page_is_whole()
        self.show("#/semaphores")
        self.see(HOSTILE[0], HOSTILE[39])
        self.the_page_is_whole()
        self.server.ask("PUT", "/v1/events/page", HOSTILE[0], Content_Type="text/html")
        self.show("#/events")
        self.press("Value")
        self.see(HOSTILE[0])
        self.press("Close", "dialog")
        self.the_page_is_whole()
        self.server.put("half-done")
        lease = self.server.ask("POST", "/v1/queues/half-done/get?lease=1h").headers["Location"]
        self.server.ask("PUT", f"{lease}/progress", HOSTILE[1], Content_Type="text/html")
        job = self.server.ask("GET", "/v1/queues/half-done/jobs").json()["items"][0]["job"]
        self.show(f"#/queues/half-done/jobs/{job}")
        self.see(HOSTILE[1])
        self.the_page_is_whole()

    def test_hostile_addresses(self):
        # Some of these are names that the API allows, of queues that are not there.
        self.expected = ("404",)
        for words in HOSTILE[:33]:
            with self.subTest(words):
                self.show(f"#/queues/{quote(words, safe='')}")
                self.the_page_is_whole()
                self.show(f"#/{words}")
                self.the_page_is_whole()

    def test_names_at_their_edges(self):
        self.expected = ("404",)
        for name in ["constructor", "toString", "hasOwnProperty", "a" * 128, "a..-_:b", "0"]:
            with self.subTest(name):
                self.server.put(name)
                self.show("#/queues")
                self.see(name)
                self.press(name)
                self.browser.until("return document.querySelector('h1').textContent.startsWith(arguments[0])", name)
                self.see("of 1,000")

    def test_what_a_smuggled_script_would_do_is_noticed(self):
        """These tests can fail: the policy is there, and its reports are heard."""
        self.show("#/queues")
        self.browser.run(
            """const script = document.createElement('script');
            try { script.textContent = 'alert(1)'; } catch { /* the policy forbids even this */ }
            document.body.append(script);"""
        )
        self.browser.until("return window.__violations.length > 0")
        self.assertEqual(self.browser.run("return window.__ran"), [])
        self.browser.open("about:blank")
        self.assertNotEqual(self.browser.console(), [])


if __name__ == "__main__":
    unittest.main()
