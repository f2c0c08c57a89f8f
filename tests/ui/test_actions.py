"""Each action asks first, says what it will do, does it, and says what became of it."""

import unittest

from case import Case


class Actions(Case):
    def test_a_question_may_be_answered_with_no(self):
        self.server.put("kept")
        self.show("#/queues/kept")
        self.press("Purge…")
        self.browser.until("return document.querySelector('dialog[open]')")
        self.press("Cancel", "dialog")
        self.browser.until("return !document.querySelector('dialog[open]')")
        self.assertEqual(self.server.queue("kept")["ready"], 1)

    def test_pause_and_resume(self):
        self.server.put("halting")
        self.show("#/queues/halting")
        self.press("Pause…")
        self.confirm("Pause halting?", "Workers get no more jobs")
        self.see("halting is paused.")
        self.assertTrue(self.server.queue("halting")["paused"])
        self.press("Resume…")
        self.confirm("Resume halting?")
        self.see("halting goes on.")
        self.assertFalse(self.server.queue("halting")["paused"])

    def test_purge_drops_the_jobs_of_one_state(self):
        self.server.bury("old")
        self.server.put("old")
        self.show("#/queues/old")
        self.press("Purge…")
        self.browser.until("return document.querySelector('#field-state')?.value === 'dead'")
        self.confirm("Purge old?", "for good")
        self.see("1 job dropped from old.")
        queue = self.server.queue("old")
        self.assertEqual((queue["ready"], queue["dead"]), (1, 0))

    def test_redrive_into_another_queue(self):
        self.server.bury("failed")
        self.show("#/queues/failed")
        self.press("Redrive…")
        self.fill("#field-to", "again")
        self.confirm("Redrive failed?", "put anew")
        self.see("1 job put anew.")
        self.assertEqual(self.server.queue("again")["ready"], 1)

    def test_a_refusal_is_said_and_the_dialog_stays(self):
        self.expected = ("400",)
        self.server.bury("refused")
        self.show("#/queues/refused")
        self.press("Redrive…")
        self.fill("#field-to", "no name")
        self.browser.click(self.browser.run("return document.querySelector('dialog button[type=submit]')"))
        self.browser.until("return document.querySelector('dialog [role=alert]').textContent.length > 5")
        self.press("Cancel", "dialog")

    def test_retry_one_job(self):
        job = self.server.bury("retried")
        self.show(f"#/queues/retried/jobs/{job}")
        self.press("Retry…")
        self.confirm(f"Retry job {job}?", "no attempts counted")
        self.see(f"Job {job} is put anew.")
        self.assertEqual(self.server.queue("retried")["ready"], 1)
        self.expected = ("404",)

    def test_cancel_one_job_in_the_list(self):
        job = self.server.put("cancelled")
        self.show("#/queues/cancelled")
        self.press("Cancel…")
        self.confirm(f"Cancel job {job}?", "for good")
        self.see(f"Job {job} is cancelled.")
        self.assertEqual(self.server.queue("cancelled")["ready"], 0)

    def test_cancel_what_somebody_works_on(self):
        job = self.server.put("worked-on")
        lease = self.server.ask("POST", "/v1/queues/worked-on/get?lease=1h").headers["Location"]
        self.show("#/queues/worked-on")
        self.press("Cancel…")
        self.confirm(f"Cancel job {job}?", "loses its lease")
        self.see(f"Job {job} is cancelled.")
        self.assertEqual(self.server.ask("GET", lease).status, 410)

    def test_break_a_lock(self):
        lease = self.server.ask("POST", "/v1/locks/deploy/acquire?lease=1h&owner=runner-7").headers["Location"]
        self.show("#/locks")
        self.press("Break…")
        self.confirm("Break deploy?", "runner-7", "fence")
        self.see("deploy is broken.", "free")
        self.assertEqual(self.server.ask("GET", lease).status, 410)

    def test_set_and_clear_an_event(self):
        self.show("#/events")
        self.press("Set an event…")
        self.fill("#field-name", "deployed")
        self.fill("#field-value", "v2")
        self.confirm("stays set until it is cleared")
        self.see("deployed is set.")
        self.assertEqual(self.server.ask("GET", "/v1/events/deployed").body, b"v2")
        self.press("Clear…")
        self.confirm("Clear deployed?")
        self.see("deployed is cleared.", "not set")
        self.assertEqual(self.server.ask("GET", "/v1/events/deployed").status, 408)

    def test_abort_and_reset_a_barrier(self):
        self.server.ask("PUT", "/v1/barriers/start", '{"parties": 2}')
        self.show("#/barriers")
        self.press("Abort…")
        self.confirm("Abort start?")
        self.see("broken")
        self.press("Reset…")
        self.confirm("Reset start?")
        self.see("idle")


if __name__ == "__main__":
    unittest.main()
