package policy

import (
	"strconv"
	"time"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/hueandcry/hueandcry/abuse"
)

// program is an expression that cel-go evaluates.
type program struct {
	eval cel.Program
	uses []fact
}

// program makes one of a part of a tree.
func (t *translator) program(e celast.Expr) (*node, error) {
	tree := celast.NewCheckedAST(celast.NewAST(e, t.tree.SourceInfo()), t.tree.TypeMap(), t.tree.ReferenceMap())
	p, err := t.env.PlanProgram(tree, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(100*MaxCost))
	if err != nil {
		return nil, &problem{text: "the condition cannot be made into a program"}
	}
	n := &node{op: opCEL, is: typeBool, prog: &program{eval: p}}
	celast.PreOrderVisit(e, celast.NewExprVisitor(func(part celast.Expr) {
		if part.Kind() != celast.IdentKind {
			return
		}
		for i := range variables {
			if variables[i].name == part.AsIdent() && n.uses>>i&1 == 0 {
				n.uses |= 1 << i
				n.prog.uses = append(n.prog.uses, fact(i))
			}
		}
	}))
	return n, nil
}

// run evaluates. An error, such as a division by zero, is Unknown, as it is in
// the evaluator of this package.
func (p *program) run(f *facts) abuse.Truth {
	values := make(map[string]any, len(p.uses))
	var unknown []*cel.AttributePatternType
	for _, v := range p.uses {
		if f.has(v) {
			values[variables[v].name] = f.value(v)
		} else {
			unknown = append(unknown, cel.AttributePattern(variables[v].name))
		}
	}
	vars, err := cel.PartialVars(values, unknown...)
	if err != nil {
		return abuse.Unknown
	}
	out, _, err := p.eval.Eval(vars)
	if err != nil {
		return abuse.Unknown
	}
	if b, ok := out.(types.Bool); ok {
		return truthOf(bool(b))
	}
	return abuse.Unknown
}

// textOf is a value of a fact for a person.
func textOf(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case time.Duration:
		return durationText(v)
	case time.Time:
		return v.Format(time.RFC3339)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return strconv.Quote(v)
	}
	return ""
}
