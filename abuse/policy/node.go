package policy

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// op is what a node does.
type op uint8

const (
	opConst op = iota + 1
	opFact
	opAnd
	opOr
	opNot
	opIf
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opIn
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opNeg
	opDouble
	opCEL // outside of what is done here: cel-go does it
)

// node is one expression. It is only read once it is made.
type node struct {
	op      op
	is      factType // of the value
	fact    fact
	num     int64  // of a constant, as in facts
	text    string // of a constant
	a, b, c *node
	nums    []int64
	texts   []string
	prog    *program

	source string // the expression as CEL has it
	uses   uint64 // the facts in it
}

// truth evaluates a node of type bool. What is unknown, or cannot be computed, is
// Unknown, with the logic of Kleene.
func (n *node) truth(f *facts) abuse.Truth {
	switch n.op {
	case opConst:
		return truthOf(n.num != 0)
	case opFact:
		if f.known>>n.fact&1 == 0 {
			return abuse.Unknown
		}
		return truthOf(f.num[n.fact] != 0)
	case opAnd:
		x := n.a.truth(f)
		if x == abuse.No {
			return x
		}
		return x.And(n.b.truth(f))
	case opOr:
		x := n.a.truth(f)
		if x == abuse.Yes {
			return x
		}
		return x.Or(n.b.truth(f))
	case opNot:
		return n.a.truth(f).Not()
	case opIf:
		switch n.a.truth(f) {
		case abuse.Yes:
			return n.b.truth(f)
		case abuse.No:
			return n.c.truth(f)
		}
		return abuse.Unknown
	case opIn:
		return n.in(f)
	case opCEL:
		return n.prog.run(f)
	}
	return n.compare(f)
}

func (n *node) compare(f *facts) abuse.Truth {
	switch n.a.is {
	case typeText:
		x, okX := n.a.string(f)
		y, okY := n.b.string(f)
		if !okX || !okY {
			return abuse.Unknown
		}
		return ordered(n.op, x, y)
	case typeDouble:
		x, okX := n.a.number(f)
		y, okY := n.b.number(f)
		if !okX || !okY {
			return abuse.Unknown
		}
		return ordered(n.op, math.Float64frombits(uint64(x)), math.Float64frombits(uint64(y)))
	case typeBool:
		x, y := n.a.truth(f), n.b.truth(f)
		if x == abuse.Unknown || y == abuse.Unknown {
			return abuse.Unknown
		}
		return ordered(n.op, bit(x == abuse.Yes), bit(y == abuse.Yes))
	}
	x, okX := n.a.number(f)
	y, okY := n.b.number(f)
	if !okX || !okY {
		return abuse.Unknown
	}
	return ordered(n.op, x, y)
}

func ordered[T int64 | float64 | string](o op, x, y T) abuse.Truth {
	switch o {
	case opEqual:
		return truthOf(x == y)
	case opNotEqual:
		return truthOf(x != y)
	case opLess:
		return truthOf(x < y)
	case opLessEqual:
		return truthOf(x <= y)
	case opGreater:
		return truthOf(x > y)
	case opGreaterEqual:
		return truthOf(x >= y)
	}
	return abuse.Unknown
}

func (n *node) in(f *facts) abuse.Truth {
	if n.a.is == typeText {
		x, ok := n.a.string(f)
		if !ok {
			return abuse.Unknown
		}
		return truthOf(slices.Contains(n.texts, x))
	}
	x, ok := n.a.number(f)
	if !ok {
		return abuse.Unknown
	}
	return truthOf(slices.Contains(n.nums, x))
}

func (n *node) string(f *facts) (string, bool) {
	switch n.op {
	case opConst:
		return n.text, true
	case opFact:
		return f.text[n.fact-firstText], f.has(n.fact)
	}
	switch n.a.truth(f) { // opIf
	case abuse.Yes:
		return n.b.string(f)
	case abuse.No:
		return n.c.string(f)
	}
	return "", false
}

// number gives the value of a node that is neither a truth nor a text; false: it
// is unknown, or is too large, or is a division by zero.
func (n *node) number(f *facts) (int64, bool) {
	switch n.op {
	case opConst:
		return n.num, true
	case opFact:
		return f.num[n.fact], f.known>>n.fact&1 != 0
	case opIf:
		switch n.a.truth(f) {
		case abuse.Yes:
			return n.b.number(f)
		case abuse.No:
			return n.c.number(f)
		}
		return 0, false
	}
	x, ok := n.a.number(f)
	if !ok {
		return 0, false
	}
	switch n.op {
	case opDouble:
		return int64(math.Float64bits(float64(x))), true
	case opNeg:
		if n.is == typeDouble {
			return x ^ math.MinInt64, true
		}
		return -x, x != math.MinInt64
	}
	y, ok := n.b.number(f)
	if !ok {
		return 0, false
	}
	if n.is == typeDouble {
		return floating(n.op, math.Float64frombits(uint64(x)), math.Float64frombits(uint64(y))), true
	}
	return whole(n.op, x, y)
}

func floating(o op, x, y float64) int64 {
	switch o {
	case opAdd:
		x += y
	case opSub:
		x -= y
	case opMul:
		x *= y
	default:
		x /= y
	}
	return int64(math.Float64bits(x))
}

func whole(o op, x, y int64) (int64, bool) {
	switch o {
	case opAdd:
		z := x + y
		return z, (z > x) == (y > 0)
	case opSub:
		z := x - y
		return z, (z < x) == (y > 0)
	case opMul:
		negative := (x < 0) != (y < 0)
		high, low := bits.Mul64(size(x), size(y))
		if high != 0 || low > 1<<63 || low == 1<<63 && !negative {
			return 0, false
		}
		return x * y, true
	}
	if y == 0 || x == math.MinInt64 && y == -1 {
		return 0, false
	}
	if o == opDiv {
		return x / y, true
	}
	return x % y, true
}

// size is |x|, which is at most 1<<63.
func size(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func truthOf(b bool) abuse.Truth {
	if b {
		return abuse.Yes
	}
	return abuse.No
}

// conjuncts appends the expressions that must all be met.
func (n *node) conjuncts(to []*node) []*node {
	if n.op == opAnd {
		return n.b.conjuncts(n.a.conjuncts(to))
	}
	return append(to, n)
}

// leaves appends the expressions of which logic makes the whole.
func (n *node) leaves(to []*node) []*node {
	switch {
	case n.op == opAnd || n.op == opOr:
		return n.b.leaves(n.a.leaves(to))
	case n.op == opNot:
		return n.a.leaves(to)
	case n.op == opIf:
		return n.c.leaves(n.b.leaves(n.a.leaves(to)))
	}
	return append(to, n)
}

// write writes a variable and its value for a person.
func (f *facts) write(b *strings.Builder, v fact) {
	b.WriteString(variables[v].name)
	if !f.has(v) {
		b.WriteString(" unknown")
		return
	}
	b.WriteString(" = ")
	switch {
	case v == signalSeverity: // the words that conditions have for these
		b.WriteString(abuse.Severity(f.num[v]).String())
		return
	case v == signalActionTaken:
		b.WriteString(abuse.Action(f.num[v]).String())
		return
	case variables[v].is == typeInt: // as textOf has it
		var room [20]byte
		b.Write(strconv.AppendInt(room[:0], f.num[v], 10))
		if v == signalDiscounted && f.num[v] != f.num[signalConfidence] { // why it is less
			b.WriteString(", ")
			f.write(b, partnerWeight)
		}
		return
	}
	b.WriteString(textOf(f.value(v)))
}

// durationText writes whole days as rules files do, as in "90d".
func durationText(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}
