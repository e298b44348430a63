package view

import "testing"

func TestDoctor(t *testing.T) {
	all := []Finding{
		{Check: "state", Verdict: Good, Text: "bbolt:trove.db: serial 4"},
		{Check: "lock", Verdict: Fair, Text: "held by somebody", Hint: "Wait for that run."},
		{Check: "guest", Subject: "instance.orders", Verdict: Bad, Text: "away\x1b[2J", Hint: "Look at the server."},
	}
	got := text(false, 80, func(h *Human) { h.Doctor(all) })
	equal(t, got, `ok       state                  bbolt:trove.db: serial 4
warning  lock                   held by somebody
                                Wait for that run.
failed   guest instance.orders  away\u001b[2J
                                Look at the server.

3 checks: 1 failed, 1 warnings.
`)
	data, err := DoctorJSON(all[:2])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, string(data), `{"findings":[{"check":"state","verdict":"ok","text":"bbolt:trove.db: serial 4"},`+
		`{"check":"lock","verdict":"warning","text":"held by somebody","hint":"Wait for that run."}],"format_version":"1.0"}`+"\n")
}
