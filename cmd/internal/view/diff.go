package view

import (
	"fmt"
	"slices"
	"strings"
)

// Diff writes how one text differs from another, in hunks of lines with three lines around them.
func (h *Human) Diff(before, after string) {
	out := h.page()
	ops := diffLines(splitLines(before), splitLines(after))
	const around = 3
	for i := 0; i < len(ops); {
		if ops[i].sign == same {
			i++
			continue
		}
		begin, end, quiet := max(0, i-around), i, 0
		for end < len(ops) && quiet <= 2*around {
			if ops[end].sign == same {
				quiet++
			} else {
				quiet = 0
			}
			end++
		}
		i = end
		end -= max(0, quiet-around)
		hunk(out, ops, begin, end)
	}
	h.write(h.Out, out)
}

type lineOp struct {
	sign sign
	text string
}

func hunk(out *page, ops []lineOp, begin, end int) {
	a, b, oldLines, newLines := 1, 1, 0, 0
	for i, op := range ops[:end] {
		old, new := op.sign != added, op.sign != removed
		switch {
		case i < begin && old && new:
			a, b = a+1, b+1
		case i < begin && old:
			a++
		case i < begin:
			b++
		default:
			if old {
				oldLines++
			}
			if new {
				newLines++
			}
		}
	}
	out.line(out.paint(cyan, fmt.Sprintf("@@ -%d,%d +%d,%d @@", a, oldLines, b, newLines)))
	for _, op := range ops[begin:end] {
		out.line(out.paint(op.sign.tone(), strings.TrimRight(string(op.sign)+sourceText(op.text), " ")))
	}
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines
}

// diffCells bounds the table of the longest common subsequence; larger middles are shown as replaced as a whole.
const diffCells = 4_000_000

// diffLines is the shortest script of lines kept, removed and added.
func diffLines(a, b []string) []lineOp {
	var head, tail []lineOp
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, lineOp{same, a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, lineOp{same, a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return slices.Concat(head, diffMiddle(a, b), tail)
}

func diffMiddle(a, b []string) []lineOp {
	var out []lineOp
	if len(a)*len(b) > diffCells {
		for _, l := range a {
			out = append(out, lineOp{removed, l})
		}
		for _, l := range b {
			out = append(out, lineOp{added, l})
		}
		return out
	}
	common := longestCommon(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, lineOp{same, a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, lineOp{removed, a[i]})
			i++
		default:
			out = append(out, lineOp{added, b[j]})
			j++
		}
	}
	return out
}

// longestCommon is the length of the longest common subsequence of a[i:] and b[j:], for every i and j.
func longestCommon(a, b []string) [][]int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
