"""What all trainings share: optimizer, averaged weights, checkpoints that survive a kill, a log, annealing.

A run's folder holds `NAME.pt` (the latest checkpoint), `NAME.jsonl` (the log) and, where somebody wants the
rate to fall to its end now, `NAME.anneal` with a number of steps in it: the time there is decides, not a plan.
"""

import json
import os
import pathlib
import time

import torch
import torch._dynamo

SAVE_SECONDS, LOG_SECONDS = 60, 20


def add_options(parser):
    parser.add_argument("--eager", action="store_true", help="do not compile: no C++ compiler is needed, half as fast")
    parser.add_argument("--until", type=int, default=10**9, help="stop after this step, counted from the first start")
    parser.add_argument("--anneal", type=int, default=0, help="let the rate fall over so many steps before --until")


def compiled(module, options):
    if options.eager:
        return module
    # A training that nobody watches rather goes on slowly than not at all.
    torch._dynamo.config.suppress_errors = True
    return torch.compile(module)


class Training:
    """Steps of AdamW over named modules, with an average of the weights (EMA)."""

    def __init__(
        self, run, name, modules, options, rate=1e-3, no_decay=(), fast=(), ema=0.999, warmup=100
    ):
        """`options`: what `add_options` took from the command line. `no_decay` and `fast`: parts of parameter
        names; fast ones learn at twice the rate."""
        self.path = pathlib.Path(run) / f"{name}.pt"
        self.anneal_path = self.path.with_suffix(".anneal")
        self.log_path = self.path.with_suffix(".jsonl")
        self.modules = torch.nn.ModuleDict(modules)
        self.rate, self.ema_limit, self.warmup = rate, ema, warmup
        self.until, self.last = options.until, options.anneal
        groups = {}
        for key, parameter in self.modules.named_parameters():
            if parameter.requires_grad:
                decay = 0.0 if parameter.ndim < 2 or any(p in key for p in no_decay) else 0.01
                factor = 2.0 if any(p in key for p in fast) else 1.0
                groups.setdefault((decay, factor), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": p, "weight_decay": d, "factor": f} for (d, f), p in groups.items()],
            lr=rate, betas=(0.9, 0.99), fused=True,
        )
        self.parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.average = {k: v.detach().clone() for k, v in self.modules.state_dict().items()}
        self.step, self.samples, self.cpu_before = 0, 0, 0.0
        self.anneal = None  # (first step, count)
        self.extra = {}  # more that the checkpoint keeps
        self.sums, self.last_save, self.last_log = {}, time.time(), time.time()
        if self.path.exists():
            self._restore()

    @property
    def cpu_seconds(self):
        return self.cpu_before + time.process_time()

    @property
    def done(self):
        """After the last step of all, or the last one for now."""
        return self.step >= (self.until if self.anneal is None else sum(self.anneal))

    def update(self, loss, samples, **figures):
        """One step down `loss`; `figures` (numbers) go to the log as means."""
        self._check_anneal()
        factor = min(1.0, (self.step + 1) / self.warmup)
        if self.anneal is not None:
            first, count = self.anneal
            factor *= max(0.02, 1 - (self.step - first) / count)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor * group["factor"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.samples += samples
        decay = min(self.ema_limit, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            now = self.modules.state_dict()
            average = [v for v in self.average.values() if v.is_floating_point()]
            current = [now[k].detach() for k, v in self.average.items() if v.is_floating_point()]
            torch._foreach_lerp_(average, current, 1 - decay)
        for key, value in {"loss": loss.detach(), "norm": norm, **figures}.items():
            if value is not None:
                total, count = self.sums.get(key, (0.0, 0))
                self.sums[key] = (total + float(value), count + 1)
        now = time.time()
        if now - self.last_log > LOG_SECONDS:
            self.log()
            self.last_log = now
        if now - self.last_save > SAVE_SECONDS or self.done:
            self.save()

    def log(self, **more):
        line = {"step": self.step, "samples": self.samples, "cpu": round(self.cpu_seconds, 1)}
        line |= {k: round(t / n, 5) for k, (t, n) in self.sums.items()} | more
        line |= {"at": time.strftime("%H:%M:%S"), "rate": self.optimizer.param_groups[0]["lr"]}
        self.sums = {}
        with open(self.log_path, "a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self):
        partial = self.path.with_suffix(".partial")
        torch.save(
            {
                "modules": self.modules.state_dict(), "average": self.average,
                "optimizer": self.optimizer.state_dict(), "step": self.step, "samples": self.samples,
                "cpu": self.cpu_seconds, "anneal": self.anneal, "random": torch.get_rng_state(),
                **self.extra,
            },
            partial,
        )
        os.replace(partial, self.path)
        self.last_save = time.time()

    def freeze(self, module):
        """From now on `module` is what it has been on average."""
        start = module + "."
        weights = {k[len(start) :]: v for k, v in self.average.items() if k.startswith(start)}
        self.modules[module].load_state_dict(weights)
        self.extra["frozen"] = True
        self.save()

    def _restore(self):
        state = torch.load(self.path, weights_only=False)
        self.modules.load_state_dict(state["modules"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.samples, self.cpu_before = state["step"], state["samples"], state["cpu"]
        # An end that was reached is none: who starts it again wants more.
        if state["anneal"] is not None and self.step < sum(state["anneal"]):
            self.anneal = state["anneal"]
        self.extra = {k: v for k, v in state.items() if k in ("frozen", "tier")}
        torch.set_rng_state(state["random"])

    def _check_anneal(self):
        if self.step % 10 == 0 and self.anneal_path.exists():
            self.anneal = (self.step, int(self.anneal_path.read_text()))
            self.anneal_path.unlink()
        if self.anneal is None and self.step >= self.until - self.last:
            self.anneal = (self.step, self.until - self.step)


def averaged(path, prefix):
    """The averaged weights below `prefix` of a checkpoint."""
    state = torch.load(path, weights_only=False)
    return {
        k[len(prefix) + 1 :].replace("_orig_mod.", ""): v
        for k, v in state["average"].items()
        if k.startswith(prefix + ".")
    }
