package strength_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/strength"
	"github.com/hueandcry/hueandcry/hashing"
)

func randomRate(r *rand.Rand) strength.Rate {
	a, b := math.Exp(-20*r.Float64()), math.Exp(-2*r.Float64())
	return strength.Rate{M: min(max(a, b), strength.MaxRate), U: min(a, b)}
}

// randomModel makes a valid model of some kinds, with everything in it that may be absent now and
// then absent.
func randomModel(t *testing.T, r *rand.Rand) strength.Model {
	m := strength.Model{Prior: math.Exp(-30 * r.Float64()), Dependence: r.Float64()}
	m.Prior = min(m.Prior, strength.MaxRate)
	for _, k := range r.Perm(7)[:1+r.IntN(7)] {
		f := strength.Field{Kind: hashing.Kind(k + 1), Agree: randomRate(r)}
		if r.IntN(4) > 0 {
			f.Held = randomRate(r)
		}
		if r.IntN(2) > 0 {
			f.Verified = randomRate(r)
		}
		if r.IntN(4) > 0 {
			f.Typical, f.Stray = 1+3*r.Float64()*float64(r.IntN(2)), math.Exp(2-8*r.Float64())
		}
		if r.IntN(4) > 0 {
			f.HalfLife = 1 + 2000*r.Float64()
		}
		m.Fields = append(m.Fields, f)
	}
	require.NoError(t, m.Validate())
	return m
}

func randomCompared(r *rand.Rand) strength.Compared {
	return strength.Compared{
		Kind: hashing.Kind(1 + r.IntN(7)), Agree: abuse.Truth(r.IntN(3)), Held: abuse.Truth(r.IntN(3)), Verified: abuse.Truth(r.IntN(3)),
		Gap: time.Duration(r.IntN(1000)) * 24 * time.Hour, Here: r.IntN(5), There: r.IntN(5),
	}
}

func randomComparison(r *rand.Rand) (c strength.Comparison) {
	for range r.IntN(7) {
		c = append(c, randomCompared(r))
	}
	return c
}

// better makes a truth one step nearer to Yes.
func better(t abuse.Truth) abuse.Truth {
	if t == abuse.No {
		return abuse.Unknown
	}
	return abuse.Yes
}

// least is what a weight may fall by because sums of floats are not exact.
const least = 1e-9

func notLower(t *testing.T, before, after strength.Strength) {
	t.Helper()
	require.GreaterOrEqual(t, after.Weight, before.Weight-least, "%v\n%v", before, after)
	require.GreaterOrEqual(t, after.Probability, before.Probability-least)
}

func TestProperties(t *testing.T) {
	r := random(t)
	for range 20_000 {
		m, c := randomModel(t, r), randomComparison(r)
		before := m.Weigh(c)
		require.False(t, math.IsNaN(before.Weight))
		require.True(t, before.Probability >= 0 && before.Probability <= 1)
		require.True(t, before.Score() >= 0 && before.Score() <= 100)
		sum := 0.0
		for _, p := range before.Parts {
			if p.Agree == abuse.Yes {
				require.GreaterOrEqual(t, p.Weight, 0.0)
			} else {
				require.LessOrEqual(t, p.Weight, 0.0)
			}
			sum += p.Share * p.Weight
		}
		require.InDelta(t, sum, before.Weight, least)

		// The order does not matter, to the last bit.
		shuffled := slices.Clone(c)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		require.Equal(t, before, m.Weigh(shuffled))
		fields := slices.Clone(m.Fields)
		r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		require.Equal(t, before, strength.Model{Prior: m.Prior, Dependence: m.Dependence, Fields: fields}.Weigh(c))

		// What is unknown weighs nothing.
		unknown := randomCompared(r)
		unknown.Agree = abuse.Unknown
		require.Equal(t, before, m.Weigh(append(slices.Clone(c), unknown)))

		// A further agreement never lowers the weight.
		more := randomCompared(r)
		more.Agree = abuse.Yes
		notLower(t, before, m.Weigh(append(slices.Clone(c), more)))
		if len(c) == 0 {
			continue
		}
		// Nor does an answer that is nearer to yes, nor an identifier that came earlier.
		i := r.IntN(len(c))
		for _, change := range []func(*strength.Compared){
			func(f *strength.Compared) { f.Agree = better(f.Agree) },
			func(f *strength.Compared) { f.Held = better(f.Held) },
			func(f *strength.Compared) { f.Verified = better(f.Verified) },
			func(f *strength.Compared) { f.Gap /= 2 },
		} {
			changed := slices.Clone(c)
			change(&changed[i])
			notLower(t, before, m.Weigh(changed))
		}
		// What is held by more never weighs more.
		for _, change := range []func(*strength.Compared){
			func(f *strength.Compared) { f.Here += 1 + r.IntN(1000) },
			func(f *strength.Compared) { f.There += 1 + r.IntN(1000) },
		} {
			known := slices.Clone(c)
			known[i].Here, known[i].There = 1+r.IntN(5), 1+r.IntN(5)
			changed := slices.Clone(known)
			change(&changed[i])
			notLower(t, m.Weigh(changed), m.Weigh(known))
		}
		// Of an unknown number of accounts here, what the partner says can only lower it.
		known := slices.Clone(c)
		known[i].Here, known[i].There = 0, 0
		changed := slices.Clone(known)
		changed[i].There = 1 + r.IntN(100)
		notLower(t, m.Weigh(changed), m.Weigh(known))
	}
}

// planted draws pairs of accounts from a model.
func planted(r *rand.Rand, m strength.Model, pairs int) (patterns []strength.Pattern, right int) {
	count := map[[7]strength.Compared]int64{}
	ask := func(rate strength.Rate, isRight bool) abuse.Truth {
		p := rate.U
		if isRight {
			p = rate.M
		}
		switch {
		case r.Float64() < .1 || rate == strength.Rate{}:
			return abuse.Unknown
		case r.Float64() < p:
			return abuse.Yes
		}
		return abuse.No
	}
	for range pairs {
		isRight := r.Float64() < m.Prior
		if isRight {
			right++
		}
		var c [7]strength.Compared
		for i, f := range m.Fields {
			c[i] = strength.Compared{Kind: f.Kind, Agree: ask(f.Agree, isRight)}
			if c[i].Agree == abuse.Yes {
				c[i].Held, c[i].Verified = ask(f.Held, isRight), ask(f.Verified, isRight)
			}
		}
		count[c]++
	}
	for c, n := range count {
		patterns = append(patterns, strength.Pattern{Comparison: append(strength.Comparison(nil), c[:len(m.Fields)]...), Pairs: n})
	}
	return patterns, right
}

// Planted parameters come back, though nobody says which pairs are right, and whichever part of the
// pairs is: more right than wrong does not make the two change names.
func TestEstimateFindsWhatWasPlanted(t *testing.T) {
	r := random(t)
	for _, prior := range []float64{.01, .3, .8} {
		truth := strength.Default()
		truth.Prior = prior
		truth.Fields = slices.Clone(truth.Fields[:4])
		for i := range truth.Fields {
			truth.Fields[i].Agree = strength.Rate{M: .6 + .1*float64(i), U: .01 + .02*float64(i)}
		}
		patterns, right := planted(r, truth, 200_000)
		base := strength.Default()
		base.Fields = base.Fields[:4]
		m, fit, err := strength.Estimate(patterns, strength.Options{Base: base})
		require.NoError(t, err)
		require.True(t, fit.Converged && fit.Identified)
		require.EqualValues(t, 200_000, fit.Pairs)
		t.Logf("prior %g: found %.4f, %d right, %.0f found, %d patterns, %d steps", prior, m.Prior, right, fit.Matches, fit.Patterns, fit.Steps)
		require.InEpsilon(t, prior, m.Prior, .1)
		for i, f := range m.Fields {
			want := truth.Fields[i]
			require.InDelta(t, want.Agree.M, f.Agree.M, .05)
			require.InDelta(t, want.Agree.U, f.Agree.U, .015)
			require.InDelta(t, want.Held.M, f.Held.M, .08)
			if prior < .5 { // else there are a few hundred wrong agreements in a hundred thousand right ones
				require.InDelta(t, want.Held.U, f.Held.U, .15)
			}
		}
	}
}

// The objective never falls, the order of patterns does not matter, and what is given back is
// valid, whatever the patterns are.
func TestEstimateOnAnything(t *testing.T) {
	r := random(t)
	found := 0
	for range 150 {
		var patterns []strength.Pattern
		for range 1 + r.IntN(40) {
			var c strength.Comparison
			for _, k := range r.Perm(7)[:r.IntN(5)] {
				f := randomCompared(r)
				f.Kind = hashing.Kind(k + 1)
				c = append(c, f)
			}
			patterns = append(patterns, strength.Pattern{Comparison: c, Pairs: 1 + r.Int64N(pickScale(r))})
		}
		o := strength.Options{Base: randomModel(t, r), Pseudo: math.Exp(4 - 8*r.Float64()), Steps: 1500}
		m, fit, err := strength.Estimate(patterns, o)
		for i := 1; i < len(fit.Objective); i++ {
			// So many numbers of about 1 that nearly cancel are summed.
			slack := 1e-11*(1+math.Abs(fit.Objective[i])) + 1e-15*float64(fit.Pairs)
			require.GreaterOrEqual(t, fit.Objective[i], fit.Objective[i-1]-slack, "step %d", i)
		}
		if err != nil {
			require.Zero(t, m)
			continue
		}
		found++
		require.NoError(t, m.Validate())
		require.True(t, fit.Converged)
		r.Shuffle(len(patterns), func(i, j int) { patterns[i], patterns[j] = patterns[j], patterns[i] })
		again, fitAgain, err := strength.Estimate(patterns, o)
		require.NoError(t, err)
		require.Equal(t, m, again)
		require.Equal(t, fit, fitAgain)
	}
	t.Logf("%d of 150 found", found)
	require.Greater(t, found, 15)
}

func pickScale(r *rand.Rand) int64 { return []int64{2, 100, 1_000_000, 1_000_000_000}[r.IntN(4)] }
