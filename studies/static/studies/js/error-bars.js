// 95 % intervals as thin bars with caps, for points that carry `acrossEnds` or `upEnds`.

import { color } from "./chart-base.js";

const CAP = 3; // pixels to each side

/** A Chart.js plugin: it draws below the points. */
export const errorBars = {
  id: "errorBars",
  beforeDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
    ctx.clip();
    ctx.strokeStyle = color("--series-2");
    ctx.globalAlpha = 0.6;
    ctx.lineWidth = 1.25;
    ctx.beginPath();
    for (const { label, data } of chart.data.datasets) {
      if (label === "Front") for (const point of data) bars(ctx, scales, point);
    }
    ctx.stroke();
    ctx.restore();
  },
};

function bars(ctx, { x, y }, point) {
  const [middleX, middleY] = [x.getPixelForValue(point.x), y.getPixelForValue(point.y)];
  if (point.upEnds) {
    const [low, high] = point.upEnds.map((end) => y.getPixelForValue(end));
    line(ctx, middleX, low, middleX, high);
    for (const end of [low, high]) line(ctx, middleX - CAP, end, middleX + CAP, end);
  }
  if (point.acrossEnds) {
    // A logarithmic axis has no place for 0: the bar then runs out of the chart.
    const [low, high] = point.acrossEnds.map((end) => x.getPixelForValue(Math.max(end, x.min)));
    line(ctx, low, middleY, high, middleY);
    for (const end of [low, high]) line(ctx, end, middleY - CAP, end, middleY + CAP);
  }
}

function line(ctx, x1, y1, x2, y2) {
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
}
