package policy

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/hueandcry/hueandcry/abuse"
)

// Bounds of conditions.
const (
	// MaxCondition is the longest condition, in bytes.
	MaxCondition = 4096
	// MaxCost is the highest cost of one condition, as cel-go estimates it for the
	// worst case: about the number of steps.
	MaxCost = 1000
)

// constants are words that conditions may use for numbers.
var constants = map[string]int64{
	"low": int64(abuse.Low), "medium": int64(abuse.Medium), "high": int64(abuse.High), "critical": int64(abuse.Critical),
	"none": int64(abuse.None), "label": int64(abuse.Label), "friction": int64(abuse.Friction), "limit": int64(abuse.Limit),
	"suspend": int64(abuse.Suspend), "disable": int64(abuse.Disable),
}

// environment is made once: it costs milliseconds.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ParserRecursionLimit(50), cel.ParserExpressionSizeLimit(MaxCondition), cel.DefaultUTCTimeZone(true),
		cel.EnableMacroCallTracking(), // so that what a macro became can be written down again
		// What is written down wrong could never be computed, and would be unknown for ever.
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, celTypes[v.is]))
	}
	for name, n := range constants {
		options = append(options, cel.Constant(name, cel.IntType, types.Int(n)))
	}
	return cel.NewEnv(options...)
})

// compiler turns conditions into nodes, and equal ones into one.
type compiler struct {
	env   *cel.Env
	nodes map[string]*node
}

// problem is what is wrong with a condition, and where in it, from 0.
type problem struct {
	line, column int
	text         string
}

func (p *problem) Error() string { return p.text }

// compile parses, checks and prices a condition.
func (c *compiler) compile(source string) (*node, error) {
	if len(source) > MaxCondition {
		return nil, &problem{text: "the condition is longer than " + strconv.Itoa(MaxCondition) + " bytes"}
	}
	checked, issues := c.env.Compile(source)
	if issues.Err() != nil {
		return nil, firstIssue(issues)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &problem{text: "the condition is of type " + checked.OutputType().String() + " and must be a bool"}
	}
	t := translator{compiler: c, tree: checked.NativeRep()}
	if err := t.reproducible(); err != nil {
		return nil, err
	}
	estimate, err := c.env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, &problem{text: "the cost of the condition cannot be estimated"}
	}
	if estimate.Max > MaxCost {
		return nil, &problem{text: "the condition may cost more than " + strconv.Itoa(MaxCost) + " steps"}
	}
	n, err := t.bool(t.tree.Expr())
	if err != nil {
		return nil, err
	}
	return n, nil
}

// zoned are the functions of CEL that take a time zone.
var zoned = []string{overloads.TimeGetFullYear, overloads.TimeGetMonth, overloads.TimeGetDate, overloads.TimeGetDayOfYear, overloads.TimeGetDayOfMonth,
	overloads.TimeGetDayOfWeek, overloads.TimeGetHours, overloads.TimeGetMinutes, overloads.TimeGetSeconds, overloads.TimeGetMilliseconds}

// reproducible refuses what need not come to the same on another host, or when it is done again. The
// rules of a time zone are those of the host's database, which has no "Europe/Berlin" at all or an old
// one; and a map is gone through in another order each time.
func (t *translator) reproducible() (err error) {
	celast.PreOrderVisit(t.tree.Expr(), celast.NewExprVisitor(func(e celast.Expr) {
		switch {
		case err != nil:
		case e.Kind() == celast.ComprehensionKind:
			over := e.AsComprehension().IterRange()
			if t.tree.GetType(over.ID()).Kind() != types.ListKind { // dyn may be a map
				err = t.wrong(over, "only lists can be gone through, for a map has no order")
			}
		case e.Kind() == celast.CallKind && slices.Contains(zoned, e.AsCall().FunctionName()):
			for _, zone := range e.AsCall().Args() { // none is UTC
				if zone.Kind() != celast.LiteralKind || zone.AsLiteral().Value() != "UTC" {
					err = t.wrong(zone, "the time zone must be \"UTC\": the host has the rules of others")
				}
			}
		}
	}))
	return err
}

// What must be written as it is.
const (
	likeDuration = `a duration is as "90m" or "36h"`
	likeTime     = `a time is as "2026-01-02T03:04:05Z"`
)

// literals says better what cel-go says of them.
var literals = map[string]string{"invalid duration argument": likeDuration, "invalid timestamp argument": likeTime,
	"invalid matches argument": "the pattern is no regular expression of RE2"}

// firstIssue is the first by place. Later ones are often its consequences.
func firstIssue(issues *cel.Issues) *problem {
	all := issues.Errors()
	if len(all) == 0 {
		return &problem{text: "the condition cannot be read"}
	}
	first := slices.MinFunc(all, func(a, b *cel.Error) int {
		if d := a.Location.Line() - b.Location.Line(); d != 0 {
			return d
		}
		return a.Location.Column() - b.Location.Column()
	})
	text, _, _ := strings.Cut(first.Message, "\n")
	text = strings.ReplaceAll(text, " (in container '')", "")
	text = cmp.Or(literals[text], text)
	text, _, _ = strings.Cut(text, " expecting {") // a list of all tokens
	if len(text) > 200 {
		text = text[:200]
	}
	return &problem{line: max(first.Location.Line()-1, 0), column: max(first.Location.Column(), 0), text: "in the condition: " + text}
}

// sizes bounds texts for the estimate: names are of at most abuse.MaxName bytes.
type sizes struct{}

func (sizes) EstimateSize(cost.AstNode) *cost.SizeEstimate {
	return &cost.SizeEstimate{Min: 0, Max: abuse.MaxName}
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// errOutside says that an expression is left to cel-go.
var errOutside = errors.New("outside")

// translator makes nodes of one checked tree.
type translator struct {
	*compiler
	tree *celast.AST
}

// share gives the node that is equal to n and was there before, or n.
func (t *translator) share(n *node, e celast.Expr) (*node, error) {
	source, err := parser.Unparse(e, t.tree.SourceInfo())
	if err != nil {
		return nil, &problem{text: "the condition cannot be written down"}
	}
	if old, ok := t.nodes[source]; ok && old.is == n.is {
		return old, nil
	}
	n.source = source
	for _, part := range []*node{n.a, n.b, n.c} {
		if part != nil {
			n.uses |= part.uses
		}
	}
	if n.op == opFact {
		n.uses |= 1 << n.fact
	}
	t.nodes[source] = n
	return n, nil
}

// bool translates an expression of type bool, and leaves to cel-go the smallest
// part of it that is outside of what is done here.
func (t *translator) bool(e celast.Expr) (*node, error) {
	n, err := t.inside(e)
	if errors.Is(err, errOutside) {
		n, err = t.program(e)
	}
	if err != nil {
		return nil, err
	}
	return t.share(n, e)
}

var logic = map[string]op{operators.LogicalAnd: opAnd, operators.LogicalOr: opOr, operators.LogicalNot: opNot, operators.Conditional: opIf}

var comparisons = map[string]op{operators.Equals: opEqual, operators.NotEquals: opNotEqual, operators.Less: opLess,
	operators.LessEquals: opLessEqual, operators.Greater: opGreater, operators.GreaterEquals: opGreaterEqual}

var arithmetic = map[string]op{operators.Add: opAdd, operators.Subtract: opSub, operators.Multiply: opMul,
	operators.Divide: opDiv, operators.Modulo: opMod}

func (t *translator) inside(e celast.Expr) (*node, error) {
	if e.Kind() != celast.CallKind {
		return t.atom(e)
	}
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if o, ok := logic[name]; ok {
		n := &node{op: o, is: typeBool}
		for i, to := range []**node{&n.a, &n.b, &n.c}[:len(args)] {
			part, err := t.bool(args[i])
			if err != nil {
				return nil, err
			}
			*to = part
		}
		return n, nil
	}
	if name == operators.In {
		return t.in(args)
	}
	o, ok := comparisons[name]
	if !ok {
		return nil, errOutside
	}
	a, err := t.operand(args[0])
	if err != nil {
		return nil, err
	}
	b, err := t.operand(args[1])
	if err != nil {
		return nil, err
	}
	if a.is != b.is {
		return nil, errOutside // numbers of two types
	}
	for _, pair := range [][2]*node{{a, b}, {b, a}} {
		if err := t.known(pair[0], pair[1].text, pair[1].op == opConst, e); err != nil {
			return nil, err
		}
	}
	return &node{op: o, is: typeBool, a: a, b: b}, nil
}

// known refuses categories that there are none of: such a rule would never be met.
func (t *translator) known(n *node, text string, constant bool, at celast.Expr) error {
	if n.op != opFact || n.fact != signalCategory || !constant {
		return nil
	}
	if _, err := abuse.ParseCategory(text); err != nil {
		return t.wrong(at, "there is no category "+strconv.Quote(clip(text)))
	}
	return nil
}

func (t *translator) wrong(at celast.Expr, text string) error {
	where := t.tree.SourceInfo().GetStartLocation(at.ID())
	return &problem{line: max(where.Line()-1, 0), column: max(where.Column(), 0), text: "in the condition: " + text}
}

func (t *translator) in(args []celast.Expr) (*node, error) {
	a, err := t.operand(args[0])
	if err != nil {
		return nil, err
	}
	if args[1].Kind() != celast.ListKind || a.is == typeDouble || a.is == typeBool {
		return nil, errOutside
	}
	n := &node{op: opIn, is: typeBool, a: a}
	for _, e := range args[1].AsList().Elements() {
		x, err := t.operand(e)
		if err != nil {
			return nil, err
		}
		if x.op != opConst || x.is != a.is {
			return nil, errOutside
		}
		if err := t.known(a, x.text, true, e); err != nil {
			return nil, err
		}
		n.nums, n.texts = append(n.nums, x.num), append(n.texts, x.text)
	}
	return n, nil
}

// operand translates what is compared. Its parts are shared, and it is too.
func (t *translator) operand(e celast.Expr) (*node, error) {
	n, err := t.value(e)
	if err != nil {
		return nil, err
	}
	return t.share(n, e)
}

func (t *translator) value(e celast.Expr) (*node, error) {
	if t.tree.GetType(e.ID()) == types.BoolType {
		return t.inside(e)
	}
	if e.Kind() != celast.CallKind {
		return t.atom(e)
	}
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if call.IsMemberFunction() {
		return nil, errOutside
	}
	if name == "duration" || name == "timestamp" {
		return t.moment(name, args)
	}
	n := &node{}
	for i, to := range []**node{&n.a, &n.b, &n.c}[:min(len(args), 3)] {
		part, err := t.operand(args[i])
		if err != nil {
			return nil, err
		}
		*to = part
	}
	o, arithmetical := arithmetic[name]
	switch {
	case name == operators.Conditional && n.b.is == n.c.is:
		n.op, n.is = opIf, n.b.is
	case name == "double" && n.a.is == typeInt:
		n.op, n.is = opDouble, typeDouble
	case name == operators.Negate && (n.a.is == typeInt || n.a.is == typeDouble):
		n.op, n.is = opNeg, n.a.is
	case arithmetical && n.a.is == n.b.is && (n.a.is == typeInt || n.a.is == typeDouble && o != opMod):
		n.op, n.is = o, n.a.is
	default:
		return nil, errOutside
	}
	return n, nil
}

// moment is a duration or a time that is written down.
func (t *translator) moment(name string, args []celast.Expr) (*node, error) {
	if len(args) != 1 || args[0].Kind() != celast.LiteralKind {
		return nil, errOutside
	}
	text, ok := args[0].AsLiteral().Value().(string)
	if !ok {
		return nil, errOutside
	}
	if name == "duration" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, t.wrong(args[0], likeDuration)
		}
		return &node{op: opConst, is: typeDuration, num: int64(d)}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1700 || at.Year() > 2200 {
		return nil, t.wrong(args[0], likeTime)
	}
	return &node{op: opConst, is: typeTime, num: at.UnixNano()}, nil
}

// atom is a variable or a constant.
func (t *translator) atom(e celast.Expr) (*node, error) {
	switch e.Kind() {
	case celast.LiteralKind:
		return literal(e.AsLiteral().Value())
	case celast.IdentKind:
		name := e.AsIdent()
		if n, ok := constants[name]; ok {
			return &node{op: opConst, is: typeInt, num: n}, nil
		}
		for i := range variables {
			if variables[i].name == name {
				return &node{op: opFact, is: variables[i].is, fact: fact(i)}, nil
			}
		}
	}
	return nil, errOutside
}

func literal(v any) (*node, error) {
	n := &node{op: opConst}
	switch v := v.(type) {
	case bool:
		n.is, n.num = typeBool, bit(v)
	case int64:
		n.is, n.num = typeInt, v
	case float64:
		n.is, n.num = typeDouble, int64(math.Float64bits(v))
	case string:
		n.is, n.text = typeText, v
	default:
		return nil, errOutside
	}
	return n, nil
}
