// uPlot and its style: half of the page's code, fetched with the first chart.
import 'uplot/dist/uPlot.min.css'

export { default as uPlot } from 'uplot'
