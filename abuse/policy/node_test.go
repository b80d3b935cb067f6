package policy

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
)

// grammar makes conditions of all that the evaluator of this package does, of a
// depth.
type grammar struct{ *rand.Rand }

func (g grammar) pick(from ...string) string { return from[g.IntN(len(from))] }

// join puts parts together in brackets.
func join(parts ...string) string { return "(" + strings.Join(parts, " ") + ")" }

func (g grammar) fact(is factType) string {
	for {
		if v := g.IntN(factCount); variables[v].is == is {
			return variables[v].name
		}
	}
}

func (g grammar) bool(depth int) string {
	if depth == 0 {
		return g.pick(g.fact(typeBool), g.fact(typeBool), "true", "false")
	}
	depth--
	compare := g.pick("==", "!=", "<", "<=", ">", ">=")
	switch g.IntN(12) {
	case 0, 1:
		return join(g.bool(depth), "&&", g.bool(depth))
	case 2, 3:
		return join(g.bool(depth), "||", g.bool(depth))
	case 4:
		return "!" + join(g.bool(depth))
	case 5:
		return join(g.bool(depth), "?", g.bool(depth), ":", g.bool(depth))
	case 6:
		return join(g.int(depth), compare, g.int(depth))
	case 7:
		return join(g.double(depth), compare, g.double(depth))
	case 8:
		return join(g.text(depth), compare, g.text(depth))
	case 9:
		return join(g.fact(typeDuration), compare, "duration('"+strconv.Itoa(g.IntN(500))+"h')")
	case 10:
		return g.pick(join("now", compare, "timestamp('2026-11-2"+strconv.Itoa(g.IntN(9))+"T12:00:00Z')"),
			join(g.bool(depth), compare, g.bool(depth)))
	}
	return g.pick(join(g.text(depth), "in ['spam', 'mail', 'phishing']"), join(g.int(depth), "in [1, 2, 3, 80]"),
		join(g.int(depth), "in [1, "+g.fact(typeInt)+"]"), "(size(signal.origin) > 3)", // these are left to cel-go
		join(g.fact(typeText)+".startsWith('m')"), "[1, 2].exists(x, x > "+g.fact(typeInt)+")")
}

func (g grammar) int(depth int) string {
	if depth == 0 {
		return g.pick(g.fact(typeInt), g.fact(typeInt), strconv.Itoa(g.IntN(100)), "high", "-3", "0", "9223372036854775807", "(-9223372036854775807 - 1)")
	}
	depth--
	if g.IntN(5) == 0 {
		return join(g.bool(depth), "?", g.int(depth), ":", g.int(depth))
	}
	if g.IntN(8) == 0 {
		return "-" + join(g.int(depth))
	}
	return join(g.int(depth), g.pick("+", "-", "*", "/", "%"), g.int(depth))
}

func (g grammar) double(depth int) string {
	if depth == 0 {
		return g.pick(g.fact(typeDouble), g.fact(typeDouble), "0.5", "60.0", "0.0", "double("+g.fact(typeInt)+")")
	}
	depth--
	if g.IntN(5) == 0 {
		return "-" + join(g.double(depth))
	}
	return join(g.double(depth), g.pick("+", "-", "*", "/"), g.double(depth))
}

func (g grammar) text(depth int) string {
	if depth == 0 || g.IntN(3) > 0 {
		return g.pick("signal.origin", "partner.name", "'mail'", "''")
	}
	return join(g.bool(depth-1), "?", "signal.origin", ":", "'bank'")
}

func (g grammar) facts() *facts {
	f := &facts{}
	odd := g.IntN(2) == 0
	for v := range fact(factCount) {
		if g.IntN(5) == 0 {
			continue
		}
		switch variables[v].is {
		case typeBool:
			f.set(v, int64(g.IntN(2)))
		case typeDouble:
			f.double(v, []float64{0, 0.25, 0.5, 1, g.Float64()}[g.IntN(5)])
		case typeText:
			f.say(v, g.pick("mail", "bank", "messenger", "spam"))
		case typeDuration:
			f.set(v, g.Int64N(500)*3600e9)
		case typeTime:
			f.set(v, 1795953600e9+g.Int64N(10)*86400e9)
		default:
			f.set(v, g.Int64N(100))
			if odd && g.IntN(4) == 0 {
				f.set(v, []int64{0, 1, -1, math.MaxInt64, math.MinInt64}[g.IntN(5)])
			}
		}
	}
	return f
}

// The evaluator of this package and cel-go come to the same on random conditions
// and facts, the unknown and the errors included.
func TestEvaluatorsAgree(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := grammar{rand.New(rand.NewPCG(seed, 1))}
	env, err := environment()
	require.NoError(t, err)
	conditions := 3000
	if testing.Short() {
		conditions = 400
	}
	seen, outside := map[abuse.Truth]int{}, 0
	for range conditions {
		source := g.bool(g.IntN(5))
		checked, issues := env.Compile(source)
		require.NoError(t, issues.Err(), source)
		x := translator{compiler: &compiler{env: env, nodes: map[string]*node{}}, tree: checked.NativeRep()}
		n, err := x.bool(x.tree.Expr())
		require.NoError(t, err, source)
		reference, err := x.program(x.tree.Expr())
		require.NoError(t, err, source)
		require.Equal(t, reference.uses, n.uses, source)
		for _, l := range n.leaves(nil) {
			if l.op == opCEL {
				outside++
			}
		}
		for range 10 {
			f := g.facts()
			want, got := reference.prog.run(f), n.truth(f)
			require.Equal(t, want, got, "%s\n%v", source, describe(f, n.uses))
			seen[got]++
		}
	}
	t.Log(seen, outside)
	for _, truth := range []abuse.Truth{abuse.Yes, abuse.No, abuse.Unknown} {
		require.Greater(t, seen[truth], conditions/10)
	}
	require.Positive(t, outside)
}

func describe(f *facts, uses uint64) (list []string) {
	for v := range fact(factCount) {
		if uses>>v&1 != 0 {
			var b strings.Builder
			f.write(&b, v)
			list = append(list, b.String())
		}
	}
	return list
}

// What a rules file may ask for is all in the environment, with one type each, and
// is evaluated here and not by cel-go.
func TestEveryVariable(t *testing.T) {
	env, err := environment()
	require.NoError(t, err)
	for i, v := range variables {
		require.NotEmpty(t, v.name, i)
		c := &compiler{env: env, nodes: map[string]*node{}}
		n, err := c.compile(v.name + " == " + v.name)
		require.NoError(t, err, v.name)
		require.Equal(t, opEqual, n.op, v.name)
		require.Equal(t, uint64(1)<<i, n.uses, v.name)
		require.Equal(t, abuse.Unknown, n.truth(&facts{}), v.name)
	}
}
