import Metrics
import Testing

@Suite struct `OpenMetrics text` {
    @Test func `has every family with its type, unit, help and samples`() {
        var histogram = Histogram(bounds: [0.5, 1, 10])
        for value in [0.25, 0.5, 0.75, 11] { histogram.record(value) }
        var text = OpenMetricsText()
        text.counter("jobs", "Jobs \"so\" far.\nAll.", [(["b": "x\\y", "a": "1"], 2)])
        text.gauge("load_ratio", "Load.", unit: "ratio", 0.5)
        text.info("build", "The build.", ["version": "1"])
        text.histogram("step_seconds", "Steps.", unit: "seconds", [(["e": "base"], histogram)])
        #expect(
            text.text == """
                # TYPE jobs counter
                # HELP jobs Jobs \\"so\\" far.\\nAll.
                jobs_total{a="1",b="x\\\\y"} 2
                # TYPE load_ratio gauge
                # UNIT load_ratio ratio
                # HELP load_ratio Load.
                load_ratio 0.5
                # TYPE build info
                # HELP build The build.
                build_info{version="1"} 1
                # TYPE step_seconds histogram
                # UNIT step_seconds seconds
                # HELP step_seconds Steps.
                step_seconds_bucket{e="base",le="0.5"} 2
                step_seconds_bucket{e="base",le="1.0"} 3
                step_seconds_bucket{e="base",le="10.0"} 3
                step_seconds_bucket{e="base",le="+Inf"} 4
                step_seconds_count{e="base"} 4
                step_seconds_sum{e="base"} 12.5
                # EOF

                """)
    }

    @Test func `has numbers that every parser reads`() {
        var text = OpenMetricsText()
        text.gauge(
            "x", "X.", [([:], .infinity), ([:], -.infinity), ([:], .nan), ([:], 1e300), ([:], -2)])
        let values = text.text.split(separator: "\n").filter { $0.hasPrefix("x ") }
        #expect(values == ["x +Inf", "x -Inf", "x NaN", "x 1e+300", "x -2"])
    }
}
