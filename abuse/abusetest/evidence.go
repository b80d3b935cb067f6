package abusetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// The instants that [Evidence] is about.
var (
	Now      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // when it is decided
	Observed = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)  // when a [Strong] signal was observed
	Long     = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)    // since when an account has had a [Good] holding
)

// ID makes a UUID of version 7 with a number of at least 0 in it.
func ID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

// Strong is a signal that suspends under the default policy if nothing speaks
// against it, with the id of a number.
func Strong(n int, origin string) abuse.Signal {
	return abuse.Signal{
		ID: ID(n), Origin: origin, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 85,
		Severity: abuse.High, Review: abuse.ReviewAutomatic, Reports: 14, FirstObserved: Observed, LastObserved: Observed,
		ValidUntil: Observed.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1,
	}
}

// Sighting is a signal from who has it to send, matched by the kinds, at no place.
func Sighting(s abuse.Signal, kinds ...hashing.Kind) abuse.Sighting {
	from := s.Origin
	if len(s.Path) > 0 {
		from = s.Path[len(s.Path)-1]
	}
	return abuse.Sighting{From: from, Signal: s, Kinds: kinds}
}

// Good is a holding that no guard has a word about.
func Good(kind hashing.Kind) abuse.Holding {
	return abuse.Holding{Kind: kind, Since: Long, Verified: abuse.Yes, Accounts: 1}
}

// Signal makes a valid signal with the id of a number: a strong one with a few
// things changed, or one in which everything varies, near the thresholds of the
// default policy.
func Signal(r *rand.Rand, n int) abuse.Signal {
	services := []string{"messenger", "bank", "market", "mail", "social"}
	if r.IntN(4) > 0 {
		services = services[:4]
	}
	r.Shuffle(len(services), func(i, j int) { services[i], services[j] = services[j], services[i] })
	s := Strong(n, services[0])
	one := pick(r, 1, 10)
	change := func(f func()) {
		if r.IntN(one) == 0 {
			f()
		}
	}
	change(func() {
		s.Category = pick(r, abuse.Spam, abuse.Harassment, abuse.AccountTakeover, abuse.Other, abuse.Category(1+r.IntN(15)))
	})
	change(func() { s.Class = pick(r, abuse.Confirmed, abuse.Predictive) })
	change(func() { s.Confidence = pick(r, 0, 29, 30, 49, 50, 59, 60, 69, 70, 79, 80) })
	s.Confidence += pick(r, 0, 4, 5, 10)
	change(func() { s.Severity = abuse.Severity(1 + r.IntN(4)) })
	change(func() { s.Review = abuse.Review(1 + r.IntN(3)) })
	change(func() { s.Reports = pick[uint32](r, 0, 1, 2, 3, 4, 5, 50) })
	change(func() { s.Permitted = abuse.Permission(1 + r.IntN(5)) })
	change(func() { s.ActionTaken = abuse.Action(1 + r.IntN(6)) })
	change(func() { s.Revision = uint64(r.IntN(3)) })
	change(func() { s.Path = append(s.Path, services[1:1+pick(r, 0, 1, 2)]...) })
	change(func() { s.Cause = ID(1<<20 + r.IntN(2)) })
	change(func() {
		s.LastObserved = pick(r, Observed, Observed.AddDate(0, -1, 0), Now.Add(4*time.Minute), Now.Add(6*time.Minute), time.Time{})
		s.FirstObserved = s.LastObserved
		if !s.LastObserved.IsZero() {
			s.FirstObserved = s.LastObserved.AddDate(0, 0, -pick(r, 0, 10))
		}
	})
	change(func() {
		s.ValidUntil = pick(r, Now.Add(-time.Hour), Now, Now.Add(time.Second), Now.AddDate(0, 0, 3), Now.AddDate(0, 6, 0))
	})
	if !s.ValidUntil.After(s.LastObserved) {
		s.ValidUntil = s.LastObserved.Add(time.Second)
	}
	return s
}

// Evidence makes evidence about an account with so many signals, whose ids have the
// numbers from 1: holdings of all sorts, and signals that point to them, to none or,
// seldom, to wrong ones. The same generator gives the same.
func Evidence(r *rand.Rand, signals int) abuse.Evidence {
	e := abuse.Evidence{Account: fmt.Sprint("a-", r.IntN(100))}
	for n := range signals {
		kinds := pick(r, []hashing.Kind{hashing.Phone}, []hashing.Kind{hashing.Phone, hashing.IMEI},
			[]hashing.Kind{hashing.IMEI}, []hashing.Kind{hashing.IMEI, hashing.InstallID}, []hashing.Kind{hashing.Phone, hashing.InstallID})
		e.Sightings = append(e.Sightings, Sighting(Signal(r, n+1), kinds...))
	}
	for _, k := range []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.InstallID} {
		if r.IntN(2) == 0 {
			e.Holdings = append(e.Holdings, Good(k))
			continue
		}
		for range pick(r, 0, 1, 1, 1, 1, 1, 2) {
			e.Holdings = append(e.Holdings, Holding(r, k))
		}
	}
	if r.IntN(20) == 0 {
		e.Holdings = append(e.Holdings, abuse.Holding{})
	}
	r.Shuffle(len(e.Holdings), func(i, j int) { e.Holdings[i], e.Holdings[j] = e.Holdings[j], e.Holdings[i] })
	for i := range e.Sightings {
		if r.IntN(3) > 0 {
			e.Sightings[i].Places = places(r, e.Sightings[i].Kinds, e.Holdings)
		}
	}
	return e
}

// Holding makes a holding that a guard may have a word about.
func Holding(r *rand.Rand, kind hashing.Kind) abuse.Holding {
	return abuse.Holding{Kind: kind,
		Since: pick(r, Long, Long, Long, time.Time{}, Observed, Observed.Add(-time.Second), Observed.Add(time.Second),
			Observed.AddDate(0, 0, -5), Observed.AddDate(0, 0, 1)),
		Verified: pick(r, abuse.Yes, abuse.Yes, abuse.Yes, abuse.No, abuse.Unknown),
		Accounts: pick(r, 1, 1, 1, 3, 4, 5, 6, 0)}
}

// places gives places that hold the kinds, or seldom other ones.
func places(r *rand.Rand, kinds []hashing.Kind, holdings []abuse.Holding) (list []int) {
	for n, k := range kinds {
		some := false
		for p, h := range holdings {
			if h.Kind == k && (!some || r.IntN(2) == 0) {
				list, some = append(list, p), true
			}
		}
		if !some {
			list = append(list, len(holdings)+n)
		}
	}
	if r.IntN(15) == 0 {
		list[0] = r.IntN(len(holdings) + 2)
	}
	if r.IntN(15) == 0 {
		list = append(list, r.IntN(len(holdings)+2))
	}
	return list
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
