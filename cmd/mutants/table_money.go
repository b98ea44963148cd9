package main

import "slices"

// money is what mirroring may cost.
func money() []Mutant {
	return slices.Concat(
		in("shadow/budget.go", "",
			mistake{"the budget is in cents", "int64(c.PerDay * 1e6)", "int64(c.PerDay * 1e8)"},
			mistake{"a tenth of the day's money at once", "max(per/100, 1)", "max(per/10, 1)"},
			mistake{"answers are taken to be a tenth as long", "const expectedOutput = 1000", "const expectedOutput = 100"},
			mistake{"the other side's prices", "price, ok := b.prices[arm].For(model)", "price, ok := b.prices[1-arm].For(model)"},
			mistake{"embeddings have an answer to pay for", "if q.Endpoint.Dialect.Spec().NoOutputTokens {", "if false {"},
			mistake{"a byte is a token", "len(q.Body)/4+1", "len(q.Body)+1"},
			mistake{"input is not reserved", "len(q.Body)/4+1", "0"},
			mistake{"the last of the money is too little", "if have < amount {", "if have <= amount {"},
			mistake{"asks for more only when nothing is left", "have-amount < b.portion/2", "have-amount < 0"},
			mistake{"calls that nobody charged for are paid", "b.balance.Add(reserved) // never", "b.balance.Add(0) // never"},
			mistake{"what a call cost is not taken", "b.balance.Add(reserved - micros(", "b.balance.Add(reserved + 0*micros("},
			mistake{"fractions of a millionth are free", "int64(dollars*1e6 + .999)", "int64(dollars * 1e6)"},
			mistake{"yesterday's money is today's", "b.balance.Store(0) // yesterday", "b.balance.Load() // yesterday"},
			mistake{"the day is local", "b.clock().UTC().Format", "b.clock().Format"},
			mistake{"what is left is kept", "left := b.balance.Swap(0)", "left := b.balance.Swap(0) * 0"},
		),
		in("internal/store/budget.go", "Budget",
			mistake{"more than what is left is reserved", "min(want, max(budget-spent, 0))", "min(want, budget)"},
			mistake{"a lowered budget gives money back", "min(want, max(budget-spent, 0))", "min(want, budget-spent)"},
			mistake{"all that is left is reserved", "min(want, max(budget-spent, 0))", "max(budget-spent, 0)"},
			mistake{"a return is a loss", "return max(spent-amount, 0) })", "return max(spent+amount, 0) })"},
			mistake{"more may come back than was reserved", "return max(spent-amount, 0) })", "return spent - amount })"},
			mistake{"in Redis more than what is left is reserved", "math.max(tonumber(ARGV[2]) - spent, 0))", "tonumber(ARGV[2]))"},
			mistake{"in Redis more may come back than was reserved", "math.max(spent - tonumber(ARGV[1]), 0)", "spent - tonumber(ARGV[1])"},
			mistake{"sums are kept for an hour", "const spentFor = 72 * time.Hour", "const spentFor = time.Hour"},
			mistake{"other days' sums are kept", "string(k) < day", "string(k) < \"\""},
			mistake{"negative amounts are reserved", "if want < 0 || budget < 0 {\n\t\treturn 0, errAmount\n\t}\n\terr =",
				"if budget < 0 {\n\t\treturn 0, errAmount\n\t}\n\terr ="},
		),
	)
}
