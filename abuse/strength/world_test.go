package strength_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

// random gives a generator and prints its seed, so that a failure can be had again.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// account is one account of a world, with the person whose it is. Its identifiers are made up, or
// stand in for such.
type account struct {
	person   string
	ids      map[hashing.Kind]string
	since    map[hashing.Kind]time.Time
	verified abuse.Truth
}

type compared struct {
	comparison strength.Comparison
	right      bool
}

// compareAll compares each account there with each here: it gives the pairs of which something
// agrees, the patterns of all, and how many pairs are right. If same, both are one list and each
// pair is compared once.
func compareAll(here, there []account, same bool, signal abuse.Signal) (pairs []compared, patterns []strength.Pattern, right int) {
	type id struct {
		kind  hashing.Kind
		value string
	}
	at, countThere := map[id][]int{}, map[id]int{}
	persons, haves := map[string]int{}, map[string]int{}
	for i, a := range here {
		for k, v := range a.ids {
			at[id{k, v}] = append(at[id{k, v}], i)
		}
		persons[a.person]++
		haves[have(a)]++
	}
	for _, b := range there {
		for k, v := range b.ids {
			countThere[id{k, v}]++
		}
	}
	nothing := map[[2]string]int64{}
	for i, b := range there {
		right += persons[b.person]
		for h, n := range haves {
			nothing[[2]string{h, have(b)}] += int64(n)
		}
		if same {
			right--
			nothing[[2]string{have(b), have(b)}]--
		}
		agreeing := map[int]bool{}
		for k, v := range b.ids {
			for _, j := range at[id{k, v}] {
				if !same || i != j {
					agreeing[j] = true
				}
			}
		}
		for j := range agreeing {
			a := here[j]
			nothing[[2]string{have(a), have(b)}]--
			if same && i < j {
				continue
			}
			var holdings []abuse.Holding
			var says []strength.There
			s := abuse.Sighting{Signal: signal}
			for k := hashing.Kind(1); k.Valid(); k++ {
				if v, ok := b.ids[k]; ok {
					says = append(says, strength.There{Kind: k, Accounts: countThere[id{k, v}]})
				}
				if v, ok := a.ids[k]; ok {
					if b.ids[k] == v {
						s.Kinds, s.Places = append(s.Kinds, k), append(s.Places, len(holdings))
					}
					holdings = append(holdings, abuse.Holding{Kind: k, Since: a.since[k], Verified: a.verified, Accounts: len(at[id{k, v}])})
				}
			}
			pairs = append(pairs, compared{strength.Compare(s, holdings, says...), a.person == b.person})
		}
	}
	for _, p := range pairs {
		patterns = append(patterns, strength.Pattern{Comparison: p.comparison, Pairs: 1})
	}
	for h, n := range nothing {
		if same && h[0] == h[1] {
			n /= 2 // each pair was seen from both ends
		}
		if n < 1 || same && h[0] > h[1] {
			continue
		}
		var c strength.Comparison
		for k := range hashing.Kind(8) {
			if h[0][k] == '1' && h[1][k] == '1' {
				c = append(c, strength.Compared{Kind: k, Agree: abuse.No})
			}
		}
		patterns = append(patterns, strength.Pattern{Comparison: c, Pairs: n})
	}
	if same {
		right /= 2
	}
	return pairs, patterns, right
}

// have tells which kinds an account has.
func have(a account) string {
	h := []byte("00000000")
	for k := range a.ids {
		h[k] = '1'
	}
	return string(h)
}

// score is precision and recall of taking all pairs that a rule takes.
func score(pairs []compared, right int, take func(strength.Comparison) bool) (precision, recall float64) {
	taken, good := 0, 0
	for _, p := range pairs {
		if take(p.comparison) {
			taken++
			if p.right {
				good++
			}
		}
	}
	if taken == 0 {
		return 0, 0
	}
	return float64(good) / float64(taken), float64(good) / float64(right)
}

// agrees is the naive rule: whatever shares an identifier of these kinds is one person.
func agrees(kinds ...hashing.Kind) func(strength.Comparison) bool {
	return func(c strength.Comparison) bool {
		for _, f := range c {
			for _, k := range kinds {
				if f.Kind == k && f.Agree == abuse.Yes {
					return true
				}
			}
		}
		return false
	}
}

func above(m strength.Model, p float64) func(strength.Comparison) bool {
	return func(c strength.Comparison) bool { return m.Weigh(c).Probability >= p }
}

var reported = abuse.Signal{
	FirstObserved: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), LastObserved: time.Date(2026, 5, 20, 0, 0, 0, 0, time.UTC),
}

// world makes people with accounts at two services. Some numbers are a household's, some were
// handed out again after the reports, some devices were sold after them.
func world(r *rand.Rand, people int) (here, there []account) {
	date := func(from, days int) time.Time {
		return reported.FirstObserved.AddDate(0, 0, from+r.IntN(days))
	}
	var freed []string // numbers that somebody gave up
	var sold []string
	household := ""
	for p := range people {
		name := fmt.Sprint("person ", p)
		phone := fmt.Sprint("number ", p)
		if household != "" && r.Float64() < .2 {
			phone = household
		} else {
			household = phone
		}
		imei, install := fmt.Sprint("device ", p), fmt.Sprint("install ", p)
		a := account{person: name, ids: map[hashing.Kind]string{}, since: map[hashing.Kind]time.Time{}, verified: abuse.Yes}
		b := account{person: name, ids: map[hashing.Kind]string{}, since: map[hashing.Kind]time.Time{}}
		if r.Float64() < .9 { // most give both services one number; some have two
			a.ids[hashing.Phone], b.ids[hashing.Phone] = phone, phone
			if r.Float64() < .1 {
				a.ids[hashing.Phone] += ", the second"
			}
		}
		if r.Float64() < .7 {
			a.ids[hashing.IMEI], b.ids[hashing.IMEI] = imei, imei
			if r.Float64() < .3 {
				a.ids[hashing.IMEI] += ", a new one"
			}
			a.ids[hashing.InstallID], b.ids[hashing.InstallID] = install, install
			if r.Float64() < .2 {
				a.ids[hashing.InstallID] += ", set up anew"
			}
		}
		for k := range a.ids {
			a.since[k] = date(-900, 890)
		}
		if r.Float64() < .05 { // a new account with an old number: the same person after all
			a.since[hashing.Phone] = date(30, 100)
		}
		switch x := r.Float64(); {
		case x < .03 && b.ids[hashing.Phone] == phone && phone == household:
			freed = append(freed, phone)
			delete(a.ids, hashing.Phone)
		case x < .1 && len(freed) > 0:
			a.ids[hashing.Phone], a.since[hashing.Phone] = freed[0], date(60, 120)
			freed = freed[1:]
		}
		switch x := r.Float64(); {
		case x < .04 && b.ids[hashing.IMEI] == imei:
			sold = append(sold, imei)
			delete(a.ids, hashing.IMEI)
		case x < .12 && len(sold) > 0:
			a.ids[hashing.IMEI], a.since[hashing.IMEI] = sold[0], date(40, 120)
			sold = sold[1:]
		}
		if r.Float64() < .1 {
			a.verified = abuse.No
		}
		if len(a.ids) > 0 && r.Float64() < .7 {
			here = append(here, a)
		}
		if len(b.ids) > 0 && r.Float64() < .5 {
			there = append(there, b)
		}
	}
	return here, there
}

// With known truth, strength is right more often than the naive rules, at a like recall: that of
// the shipped model, and that of one estimated without the truth.
func TestWorldOfKnownTruth(t *testing.T) {
	r := random(t)
	here, there := world(r, 12_000)
	pairs, patterns, right := compareAll(here, there, false, reported)
	require.Greater(t, right, 3000)
	fitted, fit, err := strength.Estimate(patterns, strength.Options{})
	require.NoError(t, err)
	require.True(t, fit.Converged && fit.Identified)
	t.Logf("%d accounts here, %d there, %d pairs right; estimated %.0f, prior %.2e", len(here), len(there), right, fit.Matches, fitted.Prior)
	precision, recall := map[string]float64{}, map[string]float64{}
	for _, rule := range []struct {
		name string
		take func(strength.Comparison) bool
	}{
		{"any phone", agrees(hashing.Phone)},
		{"any identifier", agrees(hashing.Phone, hashing.IMEI, hashing.InstallID)},
		{"shipped, .5", above(strength.Default(), .5)},
		{"shipped, .9", above(strength.Default(), .9)},
		{"estimated, .5", above(fitted, .5)},
		{"estimated, .9", above(fitted, .9)},
	} {
		p, q := score(pairs, right, rule.take)
		precision[rule.name], recall[rule.name] = p, q
		t.Logf("%-15s precision %.3f recall %.3f", rule.name, p, q)
	}
	for _, m := range []string{"shipped, .5", "estimated, .5"} {
		require.Greater(t, precision[m], precision["any phone"]+.05, m)
		require.Greater(t, recall[m], recall["any phone"]-.02, m)
	}
	require.Greater(t, precision["shipped, .9"], .95)
	require.Greater(t, precision["estimated, .9"], .95)
	// Where wrong pairs come from, and how many of them each rule takes.
	from := map[string][3]int{}
	for _, p := range pairs {
		if p.right {
			continue
		}
		cause := "a device sold"
		for _, f := range p.comparison {
			if f.Kind == hashing.Phone && f.Agree == abuse.Yes {
				cause = "a number of a household"
				if f.Held == abuse.No {
					cause = "a number handed out again"
				}
			}
		}
		n := from[cause]
		n[0]++
		for i, m := range []strength.Model{strength.Default(), fitted} {
			if above(m, .9)(p.comparison) {
				n[i+1]++
			}
		}
		from[cause] = n
	}
	require.Len(t, from, 3)
	for cause, n := range from {
		t.Logf("%-26s %4d wrong pairs, at .9 the shipped model takes %d, the estimated %d", cause, n[0], n[1], n[2])
		require.Greater(t, n[0], 30, cause)
		require.Less(t, n[1]*5, n[0], cause)
	}
	// What a fitted model calls probable is so about as often.
	sum, got, n := 0.0, 0.0, 0.0
	for _, p := range pairs {
		sum += fitted.Weigh(p.comparison).Probability
		n++
		if p.right {
			got++
		}
	}
	t.Logf("mean probability %.3f, right %.3f", sum/n, got/n)
	require.InDelta(t, got/n, sum/n, .1)
}
