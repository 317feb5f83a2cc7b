/** The same four modules as pipeline.yaml, with TypeScript functions in the place of shell commands. */
import { definePipeline } from 'skein';

export default definePipeline({
  name: 'four-modules',
  modules: {
    FetchData: {
      uses: './modules.ts#fetchData',
      duration: '1s',
    },
    ValidateEnvironment: {
      uses: './modules.ts#validateEnvironment',
      duration: '500ms',
    },
    ProcessData: {
      uses: './modules.ts#processData',
      needs: ['FetchData'],
      env: { DATA: '${{ needs.FetchData.outputs.data }}' },
      duration: '1s',
    },
    PublishResults: {
      uses: './modules.ts#publishResults',
      needs: ['ProcessData', 'ValidateEnvironment'],
      env: { RESULT: '${{ needs.ProcessData.outputs.result }}' },
      duration: '500ms',
    },
  },
});
