/** The charting library's own file, which the admin port serves under this name. */
import uPlot from "uplot";

export default uPlot;
