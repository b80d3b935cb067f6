package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// size is how large a made-up world is.
type size struct{ accounts, flagged int }

var fullSize = size{accounts: 20_000, flagged: 2_000}

// madeNow is the time in a made-up world.
var madeNow = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// madeUp is a world of two services, as the files that each would bring. No number
// and no device in it is anybody's. Either party makes the world of the seed and
// reads its own half.
type madeUp struct {
	flagged, accounts       []byte // CSV
	flaggedOut, accountsOut optOuts
}

// world is a made-up world while it is made.
type world struct {
	rng     *rand.Rand
	taken   map[string]bool // numbers
	flagged []madeFlagged
	account []madeAccount
}

// madeFlagged is a flagged account of the transmitter.
type madeFlagged struct {
	phone    number
	device   gadget // zero: none
	claim    claim
	observed time.Time
	again    bool // a second signal about the account before it
}

// madeAccount is an account of the receiver.
type madeAccount struct {
	phones      []number // one, or two
	phoneSince  time.Time
	device      gadget // zero: none
	deviceSince time.Time
}

// makeUp makes the world of a seed.
func makeUp(seed uint64, n size) *madeUp {
	w := newWorld(seed, n)
	m := &madeUp{}
	m.flagged, m.flaggedOut = w.flaggedFile()
	m.accounts, m.accountsOut = w.accountsFile()
	return m
}

// newWorld makes the accounts of both services. Those that have a counterpart come
// first, and are then mixed with the others.
func newWorld(seed uint64, n size) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0)), taken: map[string]bool{}}
	for len(w.flagged) < n.flagged {
		w.flag()
	}
	for len(w.account) < n.accounts {
		w.account = append(w.account, w.stranger())
	}
	w.account = w.account[:n.accounts]
	w.rng.Shuffle(len(w.account), func(i, j int) { w.account[i], w.account[j] = w.account[j], w.account[i] })
	return w
}

// claim is what the transmitter says of an account.
type claim struct {
	category, class, confidence, severity, reports string
}

var (
	graveCategories  = []string{"phishing", "scam_fraud", "malware", "child_safety", "fake_account", "illegal_goods"}
	milderCategories = []string{"spam", "harassment", "impersonation", "platform_manipulation", "scraping", "account_takeover"}
)

// newClaim makes claims of every weight, most of them plain and grave.
func (w *world) newClaim() claim {
	grave := graveCategories[w.rng.IntN(len(graveCategories))]
	milder := milderCategories[w.rng.IntN(len(milderCategories))]
	between := func(low, high int) string { return strconv.Itoa(low + w.rng.IntN(high-low+1)) }
	switch p := w.rng.IntN(100); {
	case p < 30:
		return claim{grave, "confirmed", between(90, 99), "high", between(5, 40)}
	case p < 50:
		return claim{grave, "confirmed", between(80, 89), "critical", between(3, 9)}
	case p < 70:
		return claim{milder, "confirmed", between(60, 95), "medium", between(2, 20)}
	case p < 78:
		return claim{milder, "confirmed", between(50, 59), "low", "1"}
	case p < 90:
		return claim{grave, "predictive", between(70, 95), "medium", ""}
	case p < 97:
		return claim{milder, "predictive", between(30, 69), "low", ""}
	}
	return claim{} // a list of names, and nothing said about them
}

// flag makes a flagged account, and what the receiver has that looks like it.
func (w *world) flag() {
	f := madeFlagged{phone: w.number(), claim: w.newClaim(), observed: w.ago(1, 170)}
	if w.chance(70) {
		f.device = newGadget(w.rng)
	}
	if n := len(w.flagged); n > 0 && w.chance(2) {
		f.phone, f.device, f.again = w.flagged[n-1].phone, w.flagged[n-1].device, true
	}
	same := madeAccount{phones: []number{f.phone}, phoneSince: w.ago(200, 2000), deviceSince: w.ago(200, 900)}
	if w.chance(60) {
		same.device = f.device
	}
	switch p := w.rng.IntN(100); {
	case f.again:
	case p < 40:
		w.account = append(w.account, same)
	case p < 43: // the signal is older than signals live
		f.observed = w.ago(190, 400)
		w.account = append(w.account, same)
	case p < 44: // the transmitter's clock runs ahead
		f.observed = madeNow.Add(72 * time.Hour)
		w.account = append(w.account, same)
	case p < 48: // since when is not known
		same.phoneSince, same.deviceSince = time.Time{}, time.Time{}
		w.account = append(w.account, same)
	case p < 58: // the number was given to somebody else since
		a := w.stranger()
		a.phones[0], a.phoneSince = f.phone, f.observed.Add(madeNow.Sub(f.observed)/2)
		w.account = append(w.account, a)
	case p < 66: // the same device under another number
		a := w.stranger()
		a.device, a.deviceSince = f.device, same.deviceSince
		w.account = append(w.account, a)
	case p < 68: // a number that a whole office uses
		for range 5 {
			w.account = append(w.account, madeAccount{phones: same.phones, phoneSince: same.phoneSince})
		}
	case p < 69: // a device in a café
		for range 8 {
			a := w.stranger()
			a.device, a.deviceSince = f.device, same.deviceSince
			w.account = append(w.account, a)
		}
	}
	w.flagged = append(w.flagged, f)
}

// stranger is an account that the transmitter knows nothing of.
func (w *world) stranger() madeAccount {
	a := madeAccount{phones: []number{w.number()}, phoneSince: w.ago(0, 3000)}
	if w.chance(60) {
		a.device, a.deviceSince = newGadget(w.rng), w.ago(0, 900)
	}
	if w.chance(3) {
		a.phones = append(a.phones, w.number())
	}
	return a
}

// number makes a line that no other account has.
func (w *world) number() number {
	for {
		n := newNumber(w.rng)
		if !w.taken[n.plain()] {
			w.taken[n.plain()] = true
			return n
		}
	}
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// ago gives a whole second some days before now.
func (w *world) ago(from, to int) time.Time {
	seconds := (from * 86400) + w.rng.IntN((to-from)*86400)
	return madeNow.Add(-time.Duration(seconds) * time.Second)
}

// when writes a time in one of the ways of the contract.
func (w *world) when(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case w.chance(30):
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// spoiltPhones and spoiltDevices are what stands in real tables besides
// identifiers.
var (
	spoiltPhones  = []string{"+1 202 555 XXXX", "077009001**", "911", "12", "call the office", "n/a"}
	spoiltDevices = []gadget{
		{"android_id", "9774d56d682e549c"}, {"advertising_id", "00000000-0000-0000-0000-000000000000"},
		{"imei", "000000000000000"}, {"imei", "004999010640000"}, {"android_id", "unknown"}, {"", "0123"},
	}
)

// cells gives the identifier cells of a row, a few of them spoilt.
func (w *world) cells(n number, g gadget) (phone, region, kind, device string) {
	phone, region = n.spell(w.rng)
	if g != (gadget{}) {
		kind, device = g.spell(w.rng)
	}
	switch p := w.rng.IntN(1000); {
	case p < 5:
		phone = spoiltPhones[w.rng.IntN(len(spoiltPhones))]
	case p < 15:
		spoilt := spoiltDevices[w.rng.IntN(len(spoiltDevices))]
		kind, device = spoilt.kind, spoilt.id
	}
	return phone, region, kind, device
}

func (w *world) flaggedFile() ([]byte, optOuts) {
	var b bytes.Buffer
	file := csv.NewWriter(&b)
	_ = file.Write(flaggedColumns) // a buffer takes everything
	out := optOuts{}
	ref := ""
	for i, f := range w.flagged {
		if !f.again {
			ref = fmt.Sprintf("messenger-%05d", i+1)
		}
		if w.chance(5) {
			out[ref] = true
		}
		phone, region, kind, device := w.cells(f.phone, f.device)
		_ = file.Write([]string{ref, phone, region, kind, device, f.claim.category, f.claim.class,
			f.claim.confidence, f.claim.severity, f.observed.Format(time.RFC3339), f.claim.reports})
	}
	file.Flush()
	return b.Bytes(), out
}

func (w *world) accountsFile() ([]byte, optOuts) {
	var b bytes.Buffer
	file := csv.NewWriter(&b)
	_ = file.Write(accountColumns)
	out := optOuts{}
	for i, a := range w.account {
		ref := fmt.Sprintf("network-%05d", i+1)
		if w.chance(5) {
			out[ref] = true
		}
		for _, n := range a.phones {
			phone, region, kind, device := w.cells(n, a.device)
			_ = file.Write([]string{ref, phone, region, w.when(a.phoneSince), kind, device, w.when(a.deviceSince)})
		}
	}
	file.Flush()
	return b.Bytes(), out
}
