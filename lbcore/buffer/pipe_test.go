package buffer

import "testing"

// pipeKernel counts pipes and grants capacities up to a limit.
type pipeKernel struct {
	open, next int32
	most       int
}

func (k *pipeKernel) OpenPipe() (in, out int32, size int, ok bool) {
	k.open++
	k.next += 2
	return k.next - 1, k.next, pipeSize, true
}
func (k *pipeKernel) ResizePipe(_ int32, size int) int { return min(size, k.most) }
func (k *pipeKernel) ClosePipe(_, _ int32)             { k.open-- }

func TestPipes(t *testing.T) {
	k := &pipeKernel{most: bigPipeSize}
	budget := NewBudget(bigPipeSize + pipeSize)
	p := NewPipes(k, budget)
	a, b, third := p.Get(), p.Get(), p.Get()
	if a == nil || b == nil || third == nil || a == b || p.Used() != 3 {
		t.Fatalf("%v, %v, %v, %d used", a, b, third, p.Used())
	}
	p.Grow(a)
	if a.Size != pipeSize {
		t.Errorf("grew beyond the budget to %d", a.Size)
	}
	b.Release()
	third.Release()
	for range 3 { // nobody needs them any more
		p.Trim()
	}
	if p.Free() != 0 || k.open != 1 {
		t.Fatalf("%d wait, %d open", p.Free(), k.open)
	}
	if p.Grow(a); a.Size != bigPipeSize {
		t.Errorf("did not grow: %d", a.Size)
	}
	c := p.Get()
	if c == nil || p.Get() != nil {
		t.Error("the budget's last pipe is not the last")
	}
	a.Release()
	if d := p.Get(); d != a || d.Size != bigPipeSize || d.Len() != 0 {
		t.Errorf("another pipe than the one used last: %v", d)
	}
	a.W = 7 // given up with bytes in it
	a.Release()
	c.Release()
	if p.Free() != 1 || k.open != 1 {
		t.Errorf("%d wait, %d open", p.Free(), k.open)
	}
	p.Close()
	if open, _ := budget.Pipes(); k.open != 0 || open != 0 || budget.left.Load() != bigPipeSize+pipeSize {
		t.Errorf("%d open, %d counted, %d bytes left", k.open, open, budget.left.Load())
	}
}

func TestPipesLimited(t *testing.T) {
	budget := NewBudget(100 * bigPipeSize)
	budget.Limit(2)
	p := NewPipes(&pipeKernel{most: 4 * pipeSize}, budget)
	p.Fix(256 << 10)
	a, b := p.Get(), p.Get()
	if a == nil || b == nil || p.Get() != nil {
		t.Fatal("maxpipes 2 allows another number")
	}
	if p.Grow(a); a.Size != 4*pipeSize {
		t.Errorf("a fixed size is %d", a.Size)
	}
}
